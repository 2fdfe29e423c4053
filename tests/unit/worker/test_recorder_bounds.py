"""However long its sender is held up, a recorder holds no more than it may."""

import threading
import weakref

from tests.unit.worker.conftest import read_events
from tests.unit.worker.test_recorder import FINISHED, TRIAL, points
from tuitrain.events import ProbeFailed
from tuitrain.store import LogWriter
from tuitrain.worker.readings import Deferred, Reading
from tuitrain.worker.recorder import Recorder


class Weighed(float):
    """A number that tells whether anybody still holds it."""


def test_what_is_logged_after_the_end_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("tuitrain.worker.recorder.MAX_WAITING", 10)
    path = tmp_path / "points.jsonl"
    recorder = Recorder(TRIAL, LogWriter(path, "0001/points"))
    recorder.finish(FINISHED)
    held = weakref.WeakSet[Weighed]()
    for iteration in range(100):
        number = Weighed(1.0)
        held.add(number)
        # The loop's own variable holds the last one, which is among those kept anyway.
        recorder.put(Reading(iteration, {"loss": number}))
    assert len(held) <= 10


def test_a_sender_that_is_held_up_holds_no_more_than_it_may(tmp_path, monkeypatch):
    """The file system that answers to nobody is a stand-in: a writer that waits."""
    monkeypatch.setattr("tuitrain.worker.recorder.MAX_WAITING", 10)
    path = tmp_path / "points.jsonl"
    is_back, is_held = threading.Event(), threading.Event()
    append = LogWriter.append

    def hang(writer, events):
        is_held.set()
        assert is_back.wait(20)
        return append(writer, events)

    recorder = Recorder(TRIAL, LogWriter(path, "0001/points"))
    monkeypatch.setattr(LogWriter, "append", hang)
    recorder.put(Reading(0, {"loss": 0.0}))
    assert is_held.wait(20)
    for iteration in range(1, 101):
        recorder.put(Reading(iteration, {"loss": float(iteration)}))
    is_back.set()
    recorder.finish(FINISHED)
    assert list(points(path, "loss")) == [0, *range(92, 101)]
    (failure,) = [e for e in read_events(path) if isinstance(e, ProbeFailed)]
    assert "points were lost" in failure.error
    assert read_events(path)[-1] == FINISHED


def test_of_several_looks_that_wait_only_the_newest_is_worked_out(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("tuitrain.worker.recorder.SEND_EVERY_S", 60)
    path = tmp_path / "points.jsonl"
    recorder = Recorder(TRIAL, LogWriter(path, "0001/points"))
    made: list[int] = []

    def look(number: int) -> Deferred:
        def make() -> ProbeFailed:
            made.append(number)
            return ProbeFailed(trial=TRIAL, probe=f"look {number}", error="")

        return Deferred(make)

    for number in range(3):
        recorder.put(look(number))
        recorder.put(Reading(number, {"loss": float(number)}))
    recorder.flush()
    assert made == [2]
    recorder.put(look(3))
    recorder.finish(FINISHED)
    assert made == [2, 3]
    assert list(points(path, "loss")) == [0, 1, 2]
