"""Follows a running study in a thread of its own: socket first, files for the rest."""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from tuitrain.clock import SYSTEM_CLOCK, Clock
from tuitrain.commands import Command
from tuitrain.events import (
    CheckpointSaved,
    EpochEnded,
    GpusSampled,
    PointsMeasured,
    Record,
    RecordError,
)
from tuitrain.model import StudyModel, fold_all
from tuitrain.sources import StudySource
from tuitrain.store import StoreError
from tuitrain.study import Study
from tuitrain.tui.feed.feed import Feed, Post
from tuitrain.tui.messages import FeedFailed, Link, LinkChanged, StudyAdvanced
from tuitrain.wire import Answered, Relayed, WireError

REFRESH_S = 1.0
"""Time between two drawings while only numbers come in. What a person waits for, such
as the start or the end of a trial, is drawn at once."""
DRAWING_SHARE = 0.03
"""Of one core, what drawing numbers may take: where a picture costs more, on a slow machine
or with many trials, it is drawn less often."""
PICTURES = 3
"""Of so many the cheapest counts: the first ones, and keys pressed meanwhile, cost more."""
LONGEST_S = 5.0
"""Between two drawings, whatever they cost."""
GATHER_S = 0.1
"""Lines that come within it are folded together, so that many trials cost little."""
FILES_EVERY_S = 1.0
"""How often the files are looked at while the socket brings the news."""
ALONE_EVERY_S = 0.25
"""How often they are without a supervisor."""
RECONNECT_EVERY_S = 2.0

_NUMBERS = (PointsMeasured, EpochEnded, CheckpointSaved, GpusSampled)
"""Events that can wait for the next drawing."""

NOT_CONNECTED = "no supervisor: following the files"
_OVER = ("finished", "failed", "reached", "stopped", "rejected")


class Wire(Protocol):
    """What a feed needs of a connection to the supervisor."""

    trouble: str
    """What keeps the supervisor from its work; empty: nothing."""

    def ask(self, command: Command) -> Answered:
        """Pass on a command and return what became of it."""
        ...

    def receive(self, timeout_s: float) -> list[Relayed]:
        """Return lines just written; []: none within the time."""
        ...

    def close(self) -> None:
        """Hang up."""
        ...


Connect = Callable[[bool], Wire]
"""Returns a connection, or raises `WireError`. Called with True it may start a
supervisor if there is none."""


class LiveFeed(Feed):
    """Posts the newest study, once in a while and whenever something happened."""

    def __init__(
        self,
        folder: Path,
        connect: Connect,
        *,
        refresh_s: float = REFRESH_S,
        clock: Clock = SYSTEM_CLOCK,
        cpu_s: Callable[[], float] = time.process_time,
    ) -> None:
        """Prepare to follow the study at `folder`.

        Args:
            folder: Of the study.
            connect: Reaches its supervisor.
            refresh_s: Time between two drawings, unless they cost too much.
            clock: Of this machine.
            cpu_s: Returns the processor time that this process has taken.
        """
        self._folder = folder
        self._connect = connect
        self._refresh_s = refresh_s
        self._clock = clock
        self._stopped = threading.Event()
        self._connecting = threading.Lock()
        self._wire: Wire | None = None
        self._model = StudyModel()
        self._has_news = self._is_urgent = False
        self._told_s = float("-inf")
        self._cpu_s = cpu_s
        self._told_cpu_s: float | None = None
        self._costs_s: tuple[float, ...] = ()
        """Of the newest pictures; a new value each time, since two threads have it."""

    def run(self, post: Post) -> None:
        """Follow the study until `stop`; runs in a thread."""
        try:
            source = StudySource(self._folder)
            self._follow(source, post)
        except (StoreError, RecordError) as error:
            post(FeedFailed(str(error)))
        finally:
            self._hang_up()

    def ask(self, command: Command) -> tuple[bool, str]:
        """Pass on a command; see `Feed.ask`."""
        try:
            wire = self._wire or self._dial(may_start=True)
            answer = wire.ask(command)
        except WireError as error:
            return False, str(error)
        return answer.accepted, answer.message

    def stop(self) -> None:
        """End `run` within a refresh."""
        self._stopped.set()

    def go_on(self) -> None:
        """Note what the picture cost that was asked for last."""
        if self._told_cpu_s is not None:
            cost_s = self._cpu_s() - self._told_cpu_s
            self._costs_s = (*self._costs_s, cost_s)[-PICTURES:]
            self._told_cpu_s = None

    def _follow(self, source: StudySource, post: Post) -> None:
        looked_s = tried_s = float("-inf")
        problem: str | None = None
        while not self._stopped.is_set():
            now_s = self._clock.mono_s()
            if self._wire is None and now_s - tried_s >= RECONNECT_EVERY_S:
                tried_s = now_s
                problem = self._reconnect(problem, post)
            elif (wire := self._wire) is not None and problem != wire.trouble:
                problem = wire.trouble
                post(LinkChanged(Link(problem=problem)))
            # What was before is on file: nothing is waited for until it is shown.
            wait_s = 0.0 if looked_s < 0 else min(self._due_in_s(), FILES_EVERY_S)
            lines = self._receive(wait_s)
            if lines is None:
                looked_s = float("-inf")
            for relayed in lines or ():
                self._take(source.offer(relayed.stream, bytes(relayed.record) + b"\n"))
            if self._wire is None or now_s - looked_s >= FILES_EVERY_S:
                looked_s = now_s
                self._read_files(source, post)
            self._tell(post)
            pause_s = ALONE_EVERY_S if self._wire is None else GATHER_S
            self._stopped.wait(min(pause_s, self._refresh_s))

    def _read_files(self, source: StudySource, post: Post) -> None:
        """Read what is new, and show a long log while it is read."""
        bites = 0
        while not self._stopped.is_set() and (records := source.read()):
            self._take(records)
            self._tell(post)
            bites += 1
        # What took several bites was waited for.
        self._is_urgent |= bites > 1

    def _take(self, records: Sequence[Record]) -> None:
        if not records:
            return
        self._model = fold_all(self._model, records)
        self._has_news = True
        self._is_urgent |= any(not isinstance(r.event, _NUMBERS) for r in records)

    def _tell(self, post: Post) -> None:
        """Post the study if there is news that is due."""
        now_s = self._clock.mono_s()
        is_due = self._is_urgent or now_s - self._told_s >= self._every_s()
        if self._has_news and is_due:
            self._told_s, self._has_news, self._is_urgent = now_s, False, False
            self._told_cpu_s = self._cpu_s()
            post(StudyAdvanced(Study(self._model)))

    def _every_s(self) -> float:
        """Return the time between two drawings of numbers."""
        costs_s = self._costs_s
        if len(costs_s) < PICTURES:
            return self._refresh_s
        return max(self._refresh_s, min(LONGEST_S, min(costs_s) / DRAWING_SHARE))

    def _receive(self, timeout_s: float) -> list[Relayed] | None:
        """Return what the socket brought in this time; None: it was lost."""
        if self._wire is None:
            return []
        try:
            return self._wire.receive(timeout_s)
        except WireError:
            self._hang_up()
            return None

    def _due_in_s(self) -> float:
        """Return how long nothing but news is to be waited for."""
        if not self._has_news:
            return self._refresh_s
        return max(0.0, self._told_s + self._every_s() - self._clock.mono_s())

    def _reconnect(self, problem: str | None, post: Post) -> str:
        """Try to connect, and say on the screen how it went if that is news.

        A study that is over needs no supervisor until a person wants something of it.
        """
        ended = self._model.ended
        is_over = ended is not None and ended.state in _OVER
        # A supervisor that died under a living study is replaced without asking.
        may_start = problem is not None and not is_over
        if may_start and problem != NOT_CONNECTED:
            problem = NOT_CONNECTED  # said now, since a start may take many seconds
            post(LinkChanged(Link(problem=problem)))
        try:
            self._dial(may_start=may_start)
            now = ""
        except WireError:
            now = "" if is_over else NOT_CONNECTED
        if now != problem:
            post(LinkChanged(Link(problem=now)))
        return now

    def _dial(self, *, may_start: bool) -> Wire:
        with self._connecting:
            if self._wire is None:
                self._wire = self._connect(may_start)
            return self._wire

    def _hang_up(self) -> None:
        with self._connecting:
            wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()
