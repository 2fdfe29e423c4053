"""The feed of a live study: socket, files, and a supervisor that goes and comes."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from textual.message import Message

from tests.tui.builder import HandClock, StudyBuilder
from tests.tui.driving import DEADLINE_S, STEP_S, FakeWire
from tests.tui.studies import falling
from tuitrain.commands import RunStep
from tuitrain.events import Step, StudyEnded, TrialLimits
from tuitrain.tui.feed.live import DRAWING_SHARE, NOT_CONNECTED, LiveFeed
from tuitrain.tui.messages import FeedFailed, LinkChanged, StudyAdvanced
from tuitrain.wire import ConnectionLostError


class Posted:
    """What a feed posted so far, from its thread."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._news = threading.Condition()

    def __call__(self, message: Message) -> None:
        with self._news:
            self.messages.append(message)
            self._news.notify()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        with self._news:
            for _ in range(round(DEADLINE_S / STEP_S)):
                if condition():
                    return
                self._news.wait(STEP_S)
        raise AssertionError(f"it never came to hold; last: {self.messages[-3:]}")

    @property
    def points(self) -> int:
        studies = [m.study for m in self.messages if isinstance(m, StudyAdvanced)]
        return (
            sum(t.points for t in studies[-1].model.trials.values()) if studies else 0
        )

    def shows(self, points: int) -> bool:
        return self.points == points

    @property
    def problems(self) -> list[str]:
        return [m.link.problem for m in self.messages if isinstance(m, LinkChanged)]


@contextmanager
def running(feed: LiveFeed) -> Iterator[Posted]:
    posted = Posted()
    thread = threading.Thread(target=feed.run, args=(posted,))
    thread.start()
    try:
        yield posted
    finally:
        feed.stop()
        thread.join(DEADLINE_S)
        assert not thread.is_alive()


@pytest.fixture
def study(tmp_path: Path) -> StudyBuilder:
    study = StudyBuilder(tmp_path / "digits")
    study.enter(Step.FIND_LR)
    study.start()
    return study


def test_what_the_files_hold_is_shown_first(study: StudyBuilder) -> None:
    wire = FakeWire()
    feed = LiveFeed(study.folder.path, lambda _: wire, refresh_s=0.01)
    with running(feed) as posted:
        posted.wait_for(
            lambda: any(isinstance(m, StudyAdvanced) for m in posted.messages)
        )
    assert posted.problems == [""]


def test_lines_of_the_socket_are_shown_once_and_gaps_come_from_the_file(
    study: StudyBuilder,
) -> None:
    trial = study.queue({"lr": 1e-2, "weight_decay": 0.0}, TrialLimits(iterations=9))
    study.begin(trial)
    wire = FakeWire()
    feed = LiveFeed(study.folder.path, lambda _: wire, refresh_s=0.01)
    with running(feed) as posted:
        posted.wait_for(
            lambda: any(isinstance(m, StudyAdvanced) for m in posted.messages)
        )
        for first in (1, 4, 7):
            study.train(trial, range(first, first + 3), falling(0.1, 0.1, 0), layers=())
        lines = study.folder.trial(trial).points.read_bytes().splitlines(keepends=True)
        wire.relay(f"{trial}/points", lines[-1])
        wire.relay(f"{trial}/points", lines[-1])
        posted.wait_for(lambda: posted.points >= 18)
    assert posted.points == 18


def test_numbers_are_drawn_less_often_where_a_picture_costs_much(
    study: StudyBuilder,
) -> None:
    trial = study.queue({"lr": 1e-2, "weight_decay": 0.0}, TrialLimits(iterations=9))
    study.begin(trial)
    wire, clock, spent_s = FakeWire(), HandClock(), [0.0]
    feed = LiveFeed(
        study.folder.path,
        lambda _: wire,
        refresh_s=1.0,
        clock=clock,
        cpu_s=lambda: spent_s[0],
    )

    def measure(first: int) -> None:
        study.train(trial, range(first, first + 3), falling(0.1, 0.1, 0), layers=())
        lines = study.folder.trial(trial).points.read_bytes().splitlines(keepends=True)
        wire.relay(f"{trial}/points", lines[-1])

    with running(feed) as posted:
        posted.wait_for(
            lambda: any(isinstance(m, StudyAdvanced) for m in posted.messages)
        )
        for first in (1, 4, 7):
            clock.now_s += 1.1
            measure(first)
            posted.wait_for(partial(posted.shows, 2 * first + 4))
            spent_s[0] += 2.5 * DRAWING_SHARE
            feed.go_on()
        clock.now_s += 1.1
        measure(10)
        time.sleep(1.0)
        assert posted.points == 18
        clock.now_s += 1.5
        posted.wait_for(lambda: posted.points == 24)


def test_a_lost_supervisor_is_told_and_replaced(study: StudyBuilder) -> None:
    wires = [FakeWire(), FakeWire()]
    may_start: list[bool] = []

    def connect(start: bool) -> FakeWire:
        may_start.append(start)
        return wires[len(may_start) - 1]

    feed = LiveFeed(study.folder.path, connect, refresh_s=0.01)
    with running(feed) as posted:
        posted.wait_for(lambda: bool(posted.messages))
        wires[0].lose()
        posted.wait_for(lambda: len(may_start) == 2)
        assert feed.ask(RunStep()) == (True, "")
    assert may_start == [False, True]
    assert wires[1].asked == [RunStep()]


def test_it_is_said_at_once_that_a_supervisor_has_to_be_started(
    study: StudyBuilder,
) -> None:
    first, second = FakeWire(), FakeWire()
    said = threading.Event()

    def connect(start: bool) -> FakeWire:
        if not start:
            return first
        assert said.wait(DEADLINE_S)  # as long as a slow machine takes to start one
        return second

    feed = LiveFeed(study.folder.path, connect, refresh_s=0.01)
    with running(feed) as posted:
        posted.wait_for(lambda: posted.problems == [""])
        first.lose()
        posted.wait_for(lambda: posted.problems == ["", NOT_CONNECTED])
        said.set()
        posted.wait_for(lambda: posted.problems == ["", NOT_CONNECTED, ""])


def test_a_study_that_is_over_lacks_no_supervisor(study: StudyBuilder) -> None:
    study.journal(StudyEnded(state="stopped"))
    tried = threading.Semaphore(0)

    def connect(_: bool) -> FakeWire:
        tried.release()
        raise ConnectionLostError("nobody listens")

    feed = LiveFeed(study.folder.path, connect, refresh_s=0.01)
    with running(feed) as posted:
        for _ in range(2):
            assert tried.acquire(timeout=DEADLINE_S)
        posted.wait_for(lambda: posted.problems[-1:] == [""])


def test_what_keeps_the_supervisor_from_its_work_is_told_until_it_is_over(
    study: StudyBuilder,
) -> None:
    wire = FakeWire()
    feed = LiveFeed(study.folder.path, lambda _: wire, refresh_s=0.01)
    with running(feed) as posted:
        posted.wait_for(lambda: posted.problems == [""])
        wire.trouble = "disk full"
        posted.wait_for(lambda: posted.problems == ["", "disk full"])
        wire.trouble = ""
        posted.wait_for(lambda: posted.problems == ["", "disk full", ""])


def test_without_a_supervisor_the_files_are_followed(study: StudyBuilder) -> None:
    def connect(_: bool) -> FakeWire:
        raise ConnectionLostError("nobody listens")

    feed = LiveFeed(study.folder.path, connect, refresh_s=0.01)
    with running(feed) as posted:
        posted.wait_for(lambda: NOT_CONNECTED in posted.problems)
        trial = study.queue({"lr": 1e-2, "weight_decay": 0.0}, TrialLimits())
        study.begin(trial)
        study.train(trial, range(1, 4), falling(0.1, 0.1, 0), layers=())
        posted.wait_for(lambda: posted.points == 6)
        assert feed.ask(RunStep()) == (False, "nobody listens")


def test_a_folder_without_a_log_ends_the_feed_with_a_reason(tmp_path: Path) -> None:
    feed = LiveFeed(tmp_path, lambda _: FakeWire(), refresh_s=0.01)
    with running(feed) as posted:
        posted.wait_for(lambda: bool(posted.messages))
    (message,) = posted.messages
    assert isinstance(message, FeedFailed)
    assert "holds no log" in message.reason


def test_nothing_is_posted_while_nothing_happens(study: StudyBuilder) -> None:
    wire = FakeWire()
    looked = threading.Semaphore(0)
    receive = wire.receive

    def counted(timeout_s: float) -> list[object]:
        looked.release()
        return list(receive(timeout_s))

    wire.receive = counted  # type: ignore[assignment,method-assign]
    feed = LiveFeed(study.folder.path, lambda _: wire, refresh_s=0.01)
    with running(feed) as posted:
        posted.wait_for(lambda: bool(posted.messages) and posted.points == 0)
        for _ in range(5):
            assert looked.acquire(timeout=DEADLINE_S)
        before = len(posted.messages)
        for _ in range(20):
            assert looked.acquire(timeout=DEADLINE_S)
        assert len(posted.messages) == before
