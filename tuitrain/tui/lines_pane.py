"""A widget that draws lines and repaints only what changed in them."""

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.content import Content
from textual.geometry import Region, Size
from textual.reactive import var
from textual.strip import Strip
from textual.widget import Widget

from tuitrain.tui.base_app import BaseApp
from tuitrain.tui.glyphs import to_ascii
from tuitrain.tui.lines import BLANK, Line, changed_cells, fit, width_of
from tuitrain.units import sanitize


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
        self._drawn: Sequence[Line] = ()
        """Rows as they were drawn, before they were made to fit."""
        self._lines: Sequence[Line] = ()
        self._strips: dict[int, Strip] = {}
        """Rows styled so far, of those that are still as they were."""
        self._drawn_for = Size()
        self._titles = ("", "")
        self._styles: dict[str, Style] = {}

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """Return the rows to show in `width` × `height` cells, from the top."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Draw anew, and have the cells that differ repainted."""
        if regions := self._draw_rows():
            self.refresh(*regions)

    def _draw_rows(self) -> list[Region]:
        """Draw anew; return what is to be repainted."""
        width, height = self._drawn_for = self.size
        if not width or not height or not self.is_mounted:
            return []
        before, drawn_before = self._lines, self._drawn
        self._drawn = self.draw(width, height)[:height]
        self._lines = [
            before[y]
            if y < len(before) and row == drawn_before[y]
            else _fitted(row, width)
            for y, row in enumerate(self._drawn)
        ]
        regions = []
        for y in range(max(len(before), len(self._lines))):
            old = before[y] if y < len(before) else BLANK
            new = self._lines[y] if y < len(self._lines) else BLANK
            if new is not old and (cells := changed_cells(old, new, width)) is not None:
                self._strips.pop(y, None)
                regions.append(Region(cells[0], y, cells[1] - cells[0], 1))
        return regions

    def entitle(self, title: str, subtitle: str = "") -> None:
        """Write on the border; a title that stays the same repaints nothing."""
        title, subtitle = sanitize(title), sanitize(subtitle)
        if (title, subtitle) == self._titles:
            return
        self._titles = title, subtitle
        plain_title = to_ascii(title) if self.ascii_only else title
        plain_subtitle = to_ascii(subtitle) if self.ascii_only else subtitle
        # Content, since a plain string would be read as markup.
        self.border_title = Content(plain_title)
        self.border_subtitle = Content(plain_subtitle)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return rows with what is around them, drawn for the size they are shown in."""
        if self.size != self._drawn_for:
            # Now, since who waits for `on_resize` is painted twice.
            self._forget()
            self._draw_rows()
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """Return one row as styled segments."""
        strip = self._strips.get(y)
        if strip is None:
            row = self._lines[y] if y < len(self._lines) else BLANK
            strip = self._strips[y] = self._styled(row, self.size.width)
        return strip

    def notify_style_update(self) -> None:
        """Forget the styles of this pane; they are looked up when it is drawn."""
        super().notify_style_update()
        self._styles.clear()
        self._strips.clear()

    def on_mount(self) -> None:
        """Learn what the terminal can write."""
        self.ascii_only = self.app.has_class("-ascii")
        self.redraw()

    def on_resize(self, _: events.Resize) -> None:
        """Draw for the new size, if it was not shown in it yet."""
        if self.size != self._drawn_for:
            self._forget()
            self.redraw()
            self.refresh()

    def watch_ascii_only(self) -> None:
        """Draw with the other signs."""
        self._forget()
        self.redraw()
        self.refresh()

    def _forget(self) -> None:
        """Fit and style every row anew when it is drawn the next time."""
        self._drawn = self._lines = ()
        self._strips.clear()

    def _styled(self, row: Line, width: int) -> Strip:
        styles = self._styles
        if self.ascii_only:
            row = tuple((to_ascii(text), role) for text, role in row)
        segments = [
            Segment(text, styles.get(role) or self._style_of(role))
            for text, role in row
        ]
        cells = width_of(row)
        if cells < width:
            base = styles.get("") or self._style_of("")
            segments.append(Segment(" " * (width - cells), base))
            cells = width
        return Strip(segments, cells)

    def _style_of(self, role: str) -> Style:
        """Return the style of a role on this pane, and remember it."""
        style, app = self.rich_style, self.app
        if role and isinstance(app, BaseApp):
            style += app.role_style(role)
        self._styles[role] = style
        return style


def _fitted(row: Line, width: int) -> Line:
    # Whoever made the row should have; one who forgot must not reach the terminal.
    if not all(text.isprintable() for text, _ in row):
        row = tuple((sanitize(text), role) for text, role in row)
    return row if width_of(row) <= width else fit(row, width)
