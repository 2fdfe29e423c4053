"""Takes what Textual writes, and gives out only what changes on the terminal.

Textual repaints every widget that has something new from its left edge on. Here its
output is drawn on cells in memory, and what differs from the cells that the terminal
shows is sent when the terminal has time for it: what was overwritten meanwhile is never
sent at all.
"""

import re

from tuitrain.tui.terminal.cells import Cells
from tuitrain.tui.terminal.changes import encode, find_changes
from tuitrain.tui.terminal.styles import PLAIN, follow_sgr

ENTER_ALTERNATE = "\x1b[?1049h"
"""Switches to a screen of its own, which leaves the one before as it was."""
SYNC_START, SYNC_END = "\x1b[?2026h", "\x1b[?2026l"
"""Have the terminal show everything in between at once."""
CLEAR = "\x1b[m\x1b[2J"

_TOKEN = re.compile(
    r"\x1b\[(?P<parameters>[0-?]*)(?P<between>[ -/]*)(?P<final>[@-~])"
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|\x1b[ -/]*[0-~]"
    r"|(?P<text>[^\x00-\x1f\x7f]+)"
    r"|[\x00-\x1f\x7f]"
)
_LINK = "\x1b]8;"


class Painter:
    """The screen as it should be, the screen as it was sent, and the way there."""

    def __init__(self, width: int, height: int, *, is_covered: bool = False) -> None:
        """Paint on a terminal of `width` × `height` cells.

        Args:
            width: Cells across.
            height: Rows.
            is_covered: Whether it is on its alternate screen already and shows
                something there, which stays until there is a picture to replace it.
        """
        self._wanted = Cells(width, height)
        self._sent = Cells(width, height)
        self._changed: set[int] = set()
        self._look = PLAIN
        self._x = self._y = 0
        self._is_synced = False
        self._is_covered = is_covered
        self._ready: list[str] = []

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in cells."""
        return self._wanted.width, self._wanted.height

    def resize(self, width: int, height: int) -> None:
        """Paint on another size, everything anew: terminals move what they showed."""
        self._wanted = self._wanted.resized(width, height)
        self.repaint()

    def repaint(self) -> None:
        """Send everything anew, since what the terminal shows is not known."""
        width, height = self.size
        self._sent = Cells(width, height)
        self._changed = set(range(height))
        if not self._is_covered:
            self._ready.append(CLEAR)

    def feed(self, text: str) -> None:
        """Take what Textual writes: whole sequences and text in any order."""
        for token in _TOKEN.finditer(text):
            if (characters := token["text"]) is not None:
                if 0 <= self._y < self._wanted.height:
                    self._changed.add(self._y)
                self._x = self._wanted.put(self._x, self._y, characters, self._look)
            elif token["final"] == "m" and not token["between"]:
                self._select(token["parameters"], token[0])
            elif token["final"] == "H" and not token["between"]:
                row, _, column = token["parameters"].partition(";")
                self._x, self._y = int(column or 1) - 1, int(row or 1) - 1
            elif token[0] == "\n":
                self._y += 1
            elif token[0] == "\r":
                self._x = 0
            else:
                self._pass_on(token[0])

    def take(self) -> str:
        """Return what is to be sent now; it counts as sent."""
        self._ready.append(self._frame())
        text = "".join(self._ready)
        self._ready.clear()
        return text

    def _select(self, parameters: str, sequence: str) -> None:
        if parameters[:1] in ("<", "=", ">", "?"):
            self._pass_on(sequence)
        else:
            self._look = follow_sgr(parameters, self._look)

    def _pass_on(self, sequence: str) -> None:
        """Send on what is not drawing: modes, queries, the title, the bell."""
        if sequence in (SYNC_START, SYNC_END):
            self._is_synced = True
        elif not sequence.startswith(_LINK):
            is_entered = self._is_covered and sequence == ENTER_ALTERNATE
            self._ready += self._frame(), "" if is_entered else sequence
            if sequence == ENTER_ALTERNATE:
                self.repaint()

    def _frame(self) -> str:
        """Return what turns the screen as sent into the screen as it should be."""
        runs = find_changes(self._sent, self._wanted, self._changed)
        if self._is_covered and not any(run.text.strip() for run in runs):
            return ""
        for y in self._changed:
            self._sent.take_row(y, self._wanted)
        self._changed.clear()
        if not runs:
            return ""
        text = encode(runs, self._wanted.width)
        if self._is_covered:
            self._is_covered = False
            text = CLEAR + text
        # A single run can't be seen half done.
        is_framed = self._is_synced and len(runs) > 1
        return f"{SYNC_START}{text}{SYNC_END}" if is_framed else text
