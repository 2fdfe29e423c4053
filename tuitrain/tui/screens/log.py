"""What a trial printed, followed while it grows; every byte shown as inert text."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from textual import on, work
from textual.message import Message

from tuitrain.tui.lines import BLANK, Line, line
from tuitrain.tui.screens.reading import ReadingScreen
from tuitrain.units import sanitize

TAIL_BYTES = 256 * 1024
"""How much of the end of a long log is shown."""
LOOK_EVERY_S = 0.5
LONGEST_LINE = 2000
"""Characters of one line that are kept."""


@dataclass
class LogRead(Message):
    """The end of the log was read anew."""

    text: str
    is_cut: bool


def read_tail(path: Path) -> tuple[str, bool]:
    """Return the end of a log as text, and whether something before it is left out.

    Raises:
        OSError: It can't be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(0, size - TAIL_BYTES))
        content = file.read(TAIL_BYTES)
    is_cut = size > TAIL_BYTES
    if is_cut:
        content = content.partition(b"\n")[2]
    return content.decode("utf-8", "replace"), is_cut


def to_rows(text: str, *, is_cut: bool) -> list[Line]:
    """Return the lines of a log, harmless whatever they hold.

    A carriage return starts a line over, as progress bars mean it.
    """
    rows: list[Line] = []
    if is_cut:
        rows.append(line(("… the beginning is in out.log", "muted")))
    for raw in text.removesuffix("\n").split("\n"):
        last = raw.removesuffix("\r").rpartition("\r")[2]
        rows.append(line(sanitize(last[:LONGEST_LINE])))
    return rows


class LogScreen(ReadingScreen):
    """The log of one trial."""

    def __init__(self, trial: str, path: Path, traceback: str = "") -> None:
        """Show `path`; `traceback` is shown below it where the log does not hold it."""
        super().__init__()
        self._trial = trial
        self._path = path
        self._traceback = traceback
        self._lines: Sequence[Line] = [line(("reading …", "muted"))]
        self._stamp: tuple[int, int] | None = None

    def on_mount(self) -> None:
        """Read the log, and look again from time to time."""
        super().on_mount()
        self.text.sticks = True
        self.set_interval(LOOK_EVERY_S, self.look)
        self.look()

    def title_text(self) -> str:
        """Return which log this is."""
        return sanitize(f"log of trial {self._trial} · {self._path}")

    def rows(self, width: int) -> Sequence[Line]:
        """Return the log; lines too long are cut at the edge."""
        return self._lines

    @work(thread=True, exclusive=True, group="log")
    def look(self) -> None:
        """Read the end of the log if it has changed."""
        try:
            status = self._path.stat()
            stamp = status.st_size, status.st_mtime_ns
            if stamp == self._stamp:
                return
            self._stamp = stamp
            text, is_cut = read_tail(self._path)
        except OSError as error:
            if self._stamp != (-1, -1):
                self._stamp = (-1, -1)
                text = f"nothing to read: {error.strerror}"
                self.post_message(LogRead(text, is_cut=False))
            return
        self.post_message(LogRead(text, is_cut=is_cut))

    @on(LogRead)
    def show_log(self, message: LogRead) -> None:
        """Show what was read."""
        rows = to_rows(message.text, is_cut=message.is_cut)
        if self._traceback and self._traceback.strip() not in message.text:
            below = sanitize(self._traceback, keep_lines=True).split("\n")
            rows += [BLANK, *(line((row, "bad")) for row in below)]
        self._lines = rows
        self.show_rows()
