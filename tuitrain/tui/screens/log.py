"""What a trial printed, followed while it grows; every byte shown as inert text."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.cells import chop_cells
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.reactive import var

from tuitrain.tui.keys import LOG_KEYS, to_bindings
from tuitrain.tui.lines import BLANK, Line, Span, line
from tuitrain.tui.panes.typing_line import TypingLine
from tuitrain.tui.screens.reading import ReadingScreen
from tuitrain.units import sanitize

TAIL_BYTES = 256 * 1024
"""How much of the end of a long log is shown."""
LOOK_EVERY_S = 0.5
LONGEST_LINE = 2000
"""Characters of one line that are kept."""
_FAULT = "Traceback (most recent call last)"


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
    if not text:
        return [line(("nothing was printed so far", "muted"))]
    rows: list[Line] = []
    if is_cut:
        rows.append(line(("… the beginning is in out.log", "muted")))
    for raw in text.removesuffix("\n").split("\n"):
        last = raw.removesuffix("\r").rpartition("\r")[2]
        rows.append(line(sanitize(last[:LONGEST_LINE])))
    return rows


def holds(row: Line, sought: str) -> bool:
    """Whether a row holds a text, capital letters or not."""
    return bool(sought) and sought.lower() in "".join(text for text, _ in row).lower()


def highlighted(row: Line, sought: str) -> Line:
    """Return a row with every place of `sought` in it marked."""
    spans: list[Span] = []
    for text, role in row:
        at = 0
        # Lower case may be longer than the text itself; then the row stays unmarked.
        low = text.lower() if len(text.lower()) == len(text) else ""
        while (found := low.find(sought.lower(), at)) >= 0:
            end = found + len(sought)
            spans += [(text[at:found], role), (text[found:end], "cursor")]
            at = end
        spans.append((text[at:], role))
    return line(*spans)


def wrapped(row: Line, width: int) -> list[Line]:
    """Return a row broken into pieces of at most `width` cells."""
    pieces = [(piece, role) for text, role in row for piece in chop_cells(text, width)]
    return [line(piece) for piece in pieces] or [BLANK]


class LogScreen(ReadingScreen):
    """The log of one trial."""

    BINDINGS: ClassVar[list[BindingType]] = [*to_bindings(LOG_KEYS)]
    OWN_KEYS = LOG_KEYS

    sought: var[str] = var("", init=False)
    """The text that is looked for; empty: none."""
    is_wrapped: var[bool] = var(default=False, init=False)

    def __init__(self, trial: str, path: Path, traceback: str = "") -> None:
        """Show `path`; `traceback` is shown below it where the log does not hold it."""
        super().__init__()
        self._trial = trial
        self._path = path
        self._traceback = traceback
        self._lines: Sequence[Line] = [line(("reading …", "muted"))]
        self._stamp: tuple[int, int] | None = None
        self._matches: Sequence[int] = ()
        self._fault: int | None = None
        self._is_unread = True

    def compose_body(self) -> ComposeResult:
        """The log, and a line to type in."""
        yield from super().compose_body()
        yield TypingLine("find in the log; n and N go on and back")

    def on_mount(self) -> None:
        """Read the log, and look again from time to time."""
        super().on_mount()
        self.text.sticks = True
        self.set_interval(LOOK_EVERY_S, self.look)
        self.look()

    def title_text(self) -> str:
        """Return which log this is, and what was found in it."""
        parts = [f"log of trial {self._trial}"]
        if self.sought:
            parts.append(f"{len(self._matches)} lines hold {self.sought}")
        follows = self.text.sticks
        parts += ["follows" if follows else "stands still", str(self._path)]
        return sanitize(" · ".join(parts))

    def rows(self, width: int) -> Sequence[Line]:
        """Return the log, lines too long cut at the edge or wrapped."""
        rows = self._lines
        if self.is_wrapped:
            rows = [part for row in rows for part in wrapped(row, width)]
        self._matches = [i for i, row in enumerate(rows) if holds(row, self.sought)]
        faults = [i for i, row in enumerate(rows) if holds(row, _FAULT)]
        self._fault = faults[-1] if faults else None
        if not self.sought:
            return rows
        found = set(self._matches)
        return [
            highlighted(row, self.sought) if index in found else row
            for index, row in enumerate(rows)
        ]

    def watch_sought(self) -> None:
        """Mark what is looked for."""
        self.show_rows()

    def watch_is_wrapped(self) -> None:
        """Break long lines, or cut them."""
        self.show_rows()

    @on(TypingLine.Typed)
    def look_for(self, message: TypingLine.Typed) -> None:
        """Mark what is typed, and go to the nearest."""
        message.stop()
        self.sought = message.text
        if self.sought and not any(self._is_in_sight(i) for i in self._matches):
            self.action_go_to_match(1)

    def action_search(self) -> None:
        """Ask what to look for."""
        self.query_one(TypingLine).open(self.sought)

    def action_go_to_match(self, direction: int) -> None:
        """Go to the next or the former line that holds what is looked for, in a ring."""
        if not self._matches:
            return
        first = self.text.first
        later = [i for i in self._matches if i > first]
        former = [i for i in self._matches if i < first]
        found = (later or self._matches)[0] if direction > 0 else (former or [-1])[-1]
        self.text.go_to(found if found >= 0 else self._matches[-1])
        self.show_rows()

    def action_follow(self) -> None:
        """Stay at the end, or stand still."""
        if self.text.sticks:
            self.text.sticks = False
        else:
            self.text.go_to_end(stick=True)
        self.show_rows()

    def action_wrap(self) -> None:
        """Wrap long lines, or cut them."""
        self.is_wrapped = not self.is_wrapped

    def _is_in_sight(self, row: int) -> bool:
        first = self.text.first
        return first <= row < first + self.text.size.height

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
        is_first = self._is_unread
        self._is_unread = False
        self._lines = rows
        self.show_rows()
        if is_first and self._traceback and self._fault is not None:
            # What went wrong is what one comes for.
            self.text.go_to(self._fault)
            self.show_rows()
