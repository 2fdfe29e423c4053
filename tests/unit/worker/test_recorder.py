"""The sender: nothing that fails in it reaches the training, and nothing is lost twice."""

import math
import os
import resource
import signal
import socket
import time
from contextlib import contextmanager

import pytest
import torch

from tests.unit.worker.conftest import read_events
from tuitrain.events import (
    EpochEnded,
    OutcomeKind,
    PointsMeasured,
    ProbeFailed,
    TrialFinished,
    TrialId,
    to_numbers,
)
from tuitrain.store import LogWriter
from tuitrain.wire import Hello, decode_message
from tuitrain.worker.offering import LineOffer
from tuitrain.worker.points import MAX_VALUES, to_events
from tuitrain.worker.readings import (
    Number,
    PartsReading,
    Reading,
)
from tuitrain.worker.recorder import Recorder

TRIAL = TrialId("0001")
FINISHED = TrialFinished(trial=TRIAL, outcome=OutcomeKind.COMPLETED, iteration=1)
HELLO = Hello(version=1, role="trial", study="small", trial=TRIAL)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "points.jsonl"


def make_recorder(path, offer=None) -> Recorder:
    return Recorder(TRIAL, LogWriter(path, "0001/points"), offer)


def points(path, name: str) -> dict[int, float]:
    found: dict[int, float] = {}
    for event in read_events(path):
        if isinstance(event, PointsMeasured) and name in event.values:
            numbers = to_numbers(event.values[name]).tolist()
            found.update(zip(event.iteration, numbers, strict=True))
    return found


def wait_until(condition, what: str) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def test_floats_and_tensors_arrive_with_non_finite_values(path):
    recorder = make_recorder(path)
    values: list[Number] = [
        1.5,
        torch.tensor(2.5),
        torch.tensor(3),
        math.nan,
        torch.tensor(-math.inf),
    ]
    for iteration, value in enumerate(values, start=1):
        recorder.put(Reading(iteration, {"loss": value}))
    recorder.finish(FINISHED)
    found = list(points(path, "loss").values())
    assert found[:3] == [1.5, 2.5, 3.0]
    assert math.isnan(found[3])
    assert found[4] == -math.inf
    assert recorder.non_finite_at == 4


def test_points_arrive_without_anybody_asking(path):
    recorder = make_recorder(path)
    recorder.put(Reading(1, {"loss": 0.5}))
    wait_until(lambda: points(path, "loss"), "the sender did not write")
    recorder.finish(FINISHED)


def test_events_keep_their_place_among_points(path):
    recorder = make_recorder(path)
    recorder.put(Reading(1, {"loss": 0.5}))
    recorder.put(EpochEnded(trial=TRIAL, epoch=1, iteration=1))
    recorder.put(Reading(2, {"loss": 0.4}))
    recorder.finish(FINISHED)
    kinds = [type(event).__name__ for event in read_events(path)]
    assert kinds == [
        "LogOpened",
        "PointsMeasured",
        "EpochEnded",
        "PointsMeasured",
        "TrialFinished",
    ]


def test_series_over_the_same_iterations_share_an_event():
    rows = [(i, {"loss": 1.0, "accuracy": 0.5}) for i in (1, 2, 3)]
    rows[1][1]["lr"] = 0.1
    both, lr = to_events(TRIAL, rows)
    assert (both.iteration, set(both.values)) == ([1, 2, 3], {"loss", "accuracy"})
    assert (lr.iteration, lr.values) == ([2], {"lr": [0.1]})


def test_one_event_never_grows_beyond_what_a_line_may_hold():
    wide = {f"update_ratio/{i}": 0.0 for i in range(MAX_VALUES // 2)}
    events = to_events(TRIAL, [(i, wide) for i in range(5)])
    assert len(events) == 3
    assert sum(len(e.iteration) * len(e.values) for e in events) == 5 * len(wide)


def test_what_an_optimizer_skipped_is_left_out(path):
    recorder = make_recorder(path)
    parts = [torch.tensor(0.1), torch.tensor(0.2)]
    recorder.put(PartsReading(1, ("a", "b"), parts, list, torch.tensor(1.0)))
    recorder.put(PartsReading(2, ("a", "b"), parts, list, torch.tensor(0.0)))
    recorder.finish(FINISHED)
    assert points(path, "a") == {2: pytest.approx(0.1)}


def test_parts_that_can_not_be_read_cost_their_own_values_only(path):
    recorder = make_recorder(path)
    sound, odd = torch.tensor(0.5), torch.tensor([1.0, 2.0])
    recorder.put(PartsReading(1, ("a",), [sound, sound], lambda two: [sum(two)]))
    recorder.put(PartsReading(1, ("b",), [sound, odd], lambda two: [sum(two)]))
    recorder.put(PartsReading(1, ("c",), [sound.double()], list))
    recorder.finish(FINISHED)
    assert points(path, "a") == {1: 1.0}
    assert points(path, "c") == {1: 0.5}
    (failed,) = [e for e in read_events(path) if isinstance(e, ProbeFailed)]
    assert failed.probe == "b"


def test_what_can_not_be_encoded_costs_itself_only(path, capfd):
    class Odd(str):
        pass

    class Worse:
        pass

    recorder = make_recorder(path)
    recorder.put(ProbeFailed(trial=TRIAL, probe="x", error=Worse()))  # type: ignore[arg-type]
    recorder.put(Reading(1, {"loss": 0.5}))
    recorder.finish(FINISHED)
    assert points(path, "loss") == {1: 0.5}
    assert FINISHED in read_events(path)
    assert "ProbeFailed can't be logged" in capfd.readouterr().err


def test_a_recorder_without_a_log_takes_everything_and_keeps_nothing():
    recorder = Recorder(TRIAL, None)
    recorder.put(Reading(1, {"loss": math.nan}))
    recorder.flush()
    assert recorder.non_finite_at == 1
    recorder.finish(FINISHED)
    recorder.finish(FINISHED)


@contextmanager
def full_disk(path):
    """Let no file grow beyond what `path` has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_delays_points_and_loses_none_within_bounds(path):
    recorder = make_recorder(path)
    with full_disk(path):
        for iteration in (1, 2, 3):
            recorder.put(Reading(iteration, {"loss": 1.0 / iteration}))
        recorder.flush()
        assert points(path, "loss") == {}
    wait_until(lambda: len(points(path, "loss")) == 3, "the points never came")
    recorder.put(Reading(4, {"loss": 0.1}))
    recorder.finish(FINISHED)
    assert list(points(path, "loss")) == [1, 2, 3, 4]
    assert FINISHED in read_events(path)


def test_a_disk_that_stays_full_drops_the_oldest_points_and_says_how_many(
    path, monkeypatch
):
    monkeypatch.setattr("tuitrain.worker.recorder.MAX_UNWRITTEN", 2)
    recorder = make_recorder(path)
    with full_disk(path):
        for iteration in range(1, 7):
            recorder.put(Reading(iteration, {"loss": 1.0}))
            recorder.flush()
    wait_until(lambda: points(path, "loss"), "the points never came")
    recorder.finish(FINISHED)
    assert list(points(path, "loss")) == [5, 6]
    (failed,) = [e for e in read_events(path) if isinstance(e, ProbeFailed)]
    assert failed.error == "4 points lost: the log was not writable"


def test_every_loss_is_told_not_only_the_first(path, monkeypatch):
    monkeypatch.setattr("tuitrain.worker.recorder.MAX_UNWRITTEN", 2)
    recorder = make_recorder(path)
    for first in (1, 11):
        with full_disk(path):
            for iteration in range(first, first + 5):
                recorder.put(Reading(iteration, {"loss": 1.0}))
                recorder.flush()
        last = first + 4
        wait_until(lambda at=last: at in points(path, "loss"), "the points never came")
    recorder.finish(FINISHED)
    told = [e.error for e in read_events(path) if isinstance(e, ProbeFailed)]
    lost = [
        int(error.removesuffix(" points lost: the log was not writable"))
        for error in told
    ]
    assert len(lost) == 2
    assert sum(lost) + len(points(path, "loss")) == 10


def test_what_gathered_is_written_as_far_as_it_fits(path, monkeypatch):
    monkeypatch.setattr("tuitrain.worker.recorder.BITE", 1)
    recorder = make_recorder(path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with full_disk(path):
        for iteration in range(1, 21):
            recorder.put(Reading(iteration, {"loss": 1.0}))
            recorder.flush()
    # Room for some of them, not for all at once.
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 1000, hard))
    try:
        wait_until(lambda: points(path, "loss"), "not even the first came")
        assert len(points(path, "loss")) < 20
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    wait_until(lambda: len(points(path, "loss")) == 20, "the rest never came")
    recorder.finish(FINISHED)
    assert list(points(path, "loss")) == list(range(1, 21))


def test_the_last_word_goes_before_the_last_points_when_space_is_short(path, capfd):
    recorder = make_recorder(path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 600, hard))
    try:
        for iteration in range(1000):
            recorder.put(Reading(iteration, {"loss": 1.0}))
        recorder.finish(FINISHED)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert FINISHED in read_events(path)
    assert "the last points are lost" in capfd.readouterr().err


def test_a_child_of_a_fork_writes_nothing(path):
    recorder = make_recorder(path)
    pid = os.fork()
    if pid == 0:
        recorder.flush()
        recorder.finish(FINISHED)
        os._exit(0)
    os.waitpid(pid, 0)
    assert FINISHED not in read_events(path)
    recorder.finish(FINISHED)
    assert read_events(path)[-1] == FINISHED


# --- the socket ---


class Listener:
    """The supervisor's end of the socket."""

    def __init__(self, path) -> None:
        self.path = path
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.server.bind(str(path))
        self.server.listen(1)
        self.server.settimeout(20)

    def accept(self) -> socket.socket:
        connection, _ = self.server.accept()
        connection.settimeout(20)
        return connection

    def close(self) -> None:
        self.server.close()
        self.path.unlink()


@pytest.fixture
def listener(tmp_path):
    listening = Listener(tmp_path / "s.sock")
    yield listening
    listening.server.close()


def read_lines(connection: socket.socket, count: int) -> list[bytes]:
    with connection.makefile("rb") as file:
        return [file.readline() for _ in range(count)]


def test_lines_are_offered_as_they_are_in_the_log(path, listener):
    recorder = make_recorder(path, LineOffer(listener.path, HELLO))
    recorder.put(Reading(1, {"loss": 0.5}))
    with listener.accept() as connection:
        recorder.finish(FINISHED)
        hello, *lines = read_lines(connection, 3)
    assert decode_message(hello) == HELLO
    written = path.read_bytes().splitlines(keepends=True)
    assert lines == written[1:]


def test_a_supervisor_that_is_not_there_costs_nothing(path, tmp_path):
    recorder = make_recorder(path, LineOffer(tmp_path / "nobody.sock", HELLO))
    recorder.put(Reading(1, {"loss": 0.5}))
    recorder.finish(FINISHED)
    assert points(path, "loss") == {1: 0.5}


def test_a_supervisor_that_hangs_up_costs_nothing(path, listener):
    recorder = make_recorder(path, LineOffer(listener.path, HELLO))
    recorder.put(Reading(1, {"loss": 0.5}))
    listener.accept().close()
    for iteration in range(2, 6):
        recorder.put(Reading(iteration, {"loss": 0.5}))
        recorder.flush()
    recorder.finish(FINISHED)
    assert list(points(path, "loss")) == [1, 2, 3, 4, 5]


class FakeClock:
    now_s = 0.0

    def wall_s(self):
        return self.now_s

    def mono_s(self):
        return self.now_s


def test_it_reconnects_at_most_once_a_second(tmp_path):
    clock = FakeClock()
    path = tmp_path / "s.sock"
    offer = LineOffer(path, HELLO, clock)
    offer.offer([b"one\n"])
    listening = Listener(path)
    clock.now_s = 0.9
    offer.offer([b"two\n"])
    clock.now_s = 1.0
    offer.offer([b"three\n"])
    with listening.accept() as connection:
        hello, line = read_lines(connection, 2)
    assert (decode_message(hello), line) == (HELLO, b"three\n")
    offer.close()
    listening.close()


def test_a_reader_that_is_slow_sees_whole_lines_only_and_nobody_waits(listener):
    offer = LineOffer(listener.path, HELLO)
    lines = [b"%07d%s\n" % (i, b"x" * 4000) for i in range(1000)]
    offer.offer([])
    connection = listener.accept()
    for start in range(0, 1000, 7):
        offer.offer(lines[start : start + 7])  # far more than a socket holds
    received = b""
    connection.settimeout(0.2)
    fresh = b"the end\n"
    while fresh not in received:
        try:
            received += connection.recv(1 << 20)
        except TimeoutError:
            offer.offer([fresh])
    seen = received.splitlines(keepends=True)[1:]
    assert set(seen) <= {*lines, fresh}
    assert 0 < len(seen) < 1000
    offer.close()
    connection.close()


def test_a_socket_of_another_user_is_not_talked_to(listener, monkeypatch):
    monkeypatch.setattr("tuitrain.worker.offering.os.getuid", lambda: 12345678)
    offer = LineOffer(listener.path, HELLO)
    offer.offer([b"secret\n"])
    with listener.accept() as connection:
        assert connection.recv(100) == b""
