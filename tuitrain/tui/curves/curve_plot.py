"""The plot widget: keeps its axes still, and draws a picture when it is given one."""

from collections.abc import Sequence

from msgspec.structs import replace
from textual.reactive import var

from tuitrain.tui.curves.picture import Kept, Picture, compose_picture
from tuitrain.tui.lens import GlyphSet
from tuitrain.tui.lines import Line
from tuitrain.tui.lines_pane import LinesPane


class CurvePlot(LinesPane):
    """Draws the curves of a `Picture`; the y axis stays as long as the data fits it."""

    picture: var[Picture] = var(Picture(), init=False, always_update=True)

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's own name
        """Return a plot without curves."""
        super().__init__(id=id, classes=classes)
        self._kept: Kept | None = None

    def watch_picture(self) -> None:
        """Draw the new picture."""
        self.redraw()

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """Return frame and curves."""
        picture = self.picture
        if self.ascii_only:
            lens = replace(picture.lens, glyphs=GlyphSet.ASCII)
            picture = replace(picture, lens=lens)
        rows, self._kept = compose_picture(picture, width, height, self._kept)
        return rows
