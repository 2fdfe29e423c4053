"""Follows a running study in a thread of its own: socket first, files for the rest."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from textual.message import Message

from tuitrain.clock import SYSTEM_CLOCK, Clock
from tuitrain.commands import Command
from tuitrain.events import Record, RecordError
from tuitrain.model import StudyModel, fold_all
from tuitrain.sources import StudySource
from tuitrain.store import StoreError
from tuitrain.study import Study
from tuitrain.tui.messages import FeedFailed, Link, LinkChanged, StudyAdvanced
from tuitrain.wire import Answered, Relayed, WireError

REFRESH_S = 0.25
"""Time between two drawings of a study, at least."""
FILES_EVERY_S = 1.0
"""How often the files are looked at while the socket brings the news."""
RECONNECT_EVERY_S = 2.0
BITE_RECORDS = 500
"""Records folded before the study is posted again, so that a long log shows early."""

NOT_CONNECTED = "no supervisor: following the files"
_OVER = ("finished", "failed", "reached", "stopped", "rejected")

Post = Callable[[Message], object]


class Wire(Protocol):
    """What a feed needs of a connection to the supervisor."""

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


class LiveFeed:
    """Posts the newest study, a bounded number of times a second."""

    def __init__(
        self,
        folder: Path,
        connect: Connect,
        *,
        refresh_s: float = REFRESH_S,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """Prepare to follow the study at `folder`."""
        self._folder = folder
        self._connect = connect
        self._refresh_s = refresh_s
        self._clock = clock
        self._stopped = threading.Event()
        self._connecting = threading.Lock()
        self._wire: Wire | None = None
        self._model = StudyModel()

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
        """Pass on a command, from any thread but that of `run`.

        Returns:
            Whether it was accepted, and what the supervisor said to it.
        """
        try:
            wire = self._wire or self._dial(may_start=True)
            answer = wire.ask(command)
        except WireError as error:
            return False, str(error)
        return answer.accepted, answer.message

    def stop(self) -> None:
        """End `run` within a refresh."""
        self._stopped.set()

    def _follow(self, source: StudySource, post: Post) -> None:
        looked_s = tried_s = float("-inf")
        problem: str | None = None
        while not self._stopped.is_set():
            now_s = self._clock.mono_s()
            if self._wire is None and now_s - tried_s >= RECONNECT_EVERY_S:
                tried_s = now_s
                problem = self._reconnect(problem, post)
            lines = self._receive()
            if lines is None:
                looked_s = float("-inf")
            for relayed in lines or ():
                line = bytes(relayed.record) + b"\n"
                self._fold(source.offer(relayed.stream, line), post)
            if self._wire is None or now_s - looked_s >= FILES_EVERY_S:
                looked_s = now_s
                while (records := source.read()) and not self._stopped.is_set():
                    self._fold(records, post)
            self._stopped.wait(self._refresh_s)

    def _fold(self, records: Sequence[Record], post: Post) -> None:
        for start in range(0, len(records), BITE_RECORDS):
            bite = records[start : start + BITE_RECORDS]
            self._model = fold_all(self._model, bite)
            post(StudyAdvanced(Study(self._model)))
            if self._stopped.is_set():
                return

    def _receive(self) -> list[Relayed] | None:
        """Return what the socket brought; None: it was lost."""
        if self._wire is None:
            return []
        try:
            return self._wire.receive(self._refresh_s)
        except WireError:
            self._hang_up()
            return None

    def _reconnect(self, problem: str | None, post: Post) -> str:
        """Try to connect, and say on the screen how it went if that is news."""
        ended = self._model.ended
        is_over = ended is not None and ended.state in _OVER
        try:
            # A supervisor that died under a living study is replaced without asking.
            self._dial(may_start=problem is not None and not is_over)
            now = ""
        except WireError:
            now = NOT_CONNECTED
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
