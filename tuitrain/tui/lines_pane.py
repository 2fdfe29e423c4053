"""A widget that draws lines and repaints only what changed in them."""

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.content import Content
from textual.geometry import Region
from textual.reactive import var
from textual.strip import Strip
from textual.widget import Widget

from tuitrain.tui.base_app import BaseApp
from tuitrain.tui.glyphs import to_ascii
from tuitrain.tui.lines import BLANK, Line, changed_cells, fit


class LinesPane(Widget):
    """Draws what `draw` returns, row by row, in the styles of the roles.

    A subclass calls `redraw` whenever something it shows may have changed; rows that
    are as they were cost no byte on the way to the terminal.
    """

    ALLOW_SELECT = False

    ascii_only: var[bool] = var(default=False, init=False)
    """Whether every sign is to be written in ASCII."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's own name
        """Return a pane that shows nothing yet."""
        super().__init__(id=id, classes=classes)
        self._lines: Sequence[Line] = ()
        self._titles = ("", "")

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """Return the rows to show in `width` × `height` cells, from the top."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Draw anew, and have the cells that differ repainted."""
        width, height = self.size
        if not width or not height or not self.is_mounted:
            return
        before = self._lines
        self._lines = [fit(row, width) for row in self.draw(width, height)[:height]]
        regions = []
        for y in range(max(len(before), len(self._lines))):
            old = before[y] if y < len(before) else BLANK
            new = self._lines[y] if y < len(self._lines) else BLANK
            if (cells := changed_cells(old, new, width)) is not None:
                regions.append(Region(cells[0], y, cells[1] - cells[0], 1))
        if regions:
            self.refresh(*regions)

    def entitle(self, title: str, subtitle: str = "") -> None:
        """Write on the border; a title that stays the same repaints nothing."""
        if (title, subtitle) == self._titles:
            return
        self._titles = title, subtitle
        plain_title = to_ascii(title) if self.ascii_only else title
        plain_subtitle = to_ascii(subtitle) if self.ascii_only else subtitle
        # Content, since a plain string would be read as markup.
        self.border_title = Content(plain_title)
        self.border_subtitle = Content(plain_subtitle)

    def render_line(self, y: int) -> Strip:
        """Return one row as styled segments."""
        row = self._lines[y] if y < len(self._lines) else BLANK
        base = self.rich_style
        styles = {role: self._style_of(role, base) for _, role in row}
        segments = [
            Segment(to_ascii(text) if self.ascii_only else text, styles[role])
            for text, role in row
        ]
        return Strip(segments).adjust_cell_length(self.size.width, base)

    def on_mount(self) -> None:
        """Learn what the terminal can write."""
        self.ascii_only = self.app.has_class("-ascii")
        self.redraw()

    def on_resize(self, _: events.Resize) -> None:
        """Draw for the new size."""
        self.redraw()

    def watch_ascii_only(self) -> None:
        """Draw with the other signs."""
        self.redraw()
        self.refresh()

    def _style_of(self, role: str, base: Style) -> Style:
        app = self.app
        if not role or not isinstance(app, BaseApp):
            return base
        return base + app.role_style(role)
