"""Text to scroll through: a log, a help page, the story of a trial."""

from collections.abc import Sequence

from textual.reactive import var

from tuitrain.tui.lines import Line
from tuitrain.tui.lines_pane import LinesPane


class ReadingPane(LinesPane):
    """Shows rows from `first` on; may stick to the end while rows are added."""

    rows: var[Sequence[Line]] = var((), init=False, always_update=True)
    first: var[int] = var(0, init=False)
    sticks: var[bool] = var(default=False, init=False)
    """Whether the end stays in sight while rows are added."""

    def watch_rows(self) -> None:
        """Show the new rows."""
        if self.sticks:
            self.first = self._furthest()
        self.redraw()

    def watch_first(self) -> None:
        """Show another part."""
        self.redraw()

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """Return the rows in sight."""
        self.first = max(0, min(self.first, self._furthest()))
        self.entitle(self._titles[0], self.place)
        return self.rows[self.first : self.first + height]

    @property
    def place(self) -> str:
        """Which rows are in sight; empty: all."""
        height = self.size.height
        if len(self.rows) <= height:
            return ""
        end = min(len(self.rows), self.first + height)
        return f"{self.first + 1}–{end} of {len(self.rows)}"

    def scroll_rows(self, rows: int) -> None:
        """Move by `rows`; to the end means to stay there."""
        self.first = max(0, min(self._furthest(), self.first + rows))
        self.sticks = self.sticks and self.first >= self._furthest()

    def scroll_pages(self, pages: int) -> None:
        """Move by pages."""
        self.scroll_rows(pages * max(1, self.size.height - 1))

    def go_to_start(self) -> None:
        """Show the first row."""
        self.sticks = False
        self.first = 0

    def go_to(self, row: int) -> None:
        """Show a row uppermost, as far as there are rows below it."""
        self.sticks = False
        self.first = max(0, min(self._furthest(), row))

    def go_to_end(self, *, stick: bool) -> None:
        """Show the last row, and stay with it if `stick`."""
        self.sticks = stick
        self.first = self._furthest()

    def _furthest(self) -> int:
        return max(0, len(self.rows) - max(1, self.size.height))
