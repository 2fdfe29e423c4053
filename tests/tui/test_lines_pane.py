"""A pane of rows is drawn for the size it is shown in, once."""

from collections.abc import Sequence

from textual.app import App, ComposeResult

from tuitrain.tui.lines import Line
from tuitrain.tui.lines_pane import LinesPane


class SizedPane(LinesPane):
    """Says how large it is, and remembers when it did."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[tuple[int, int]] = []

    def draw(self, width: int, height: int) -> Sequence[Line]:
        self.sizes.append((width, height))
        return [((f"{width}x{height}", ""),)]


class PaneApp(App[None]):
    def compose(self) -> ComposeResult:
        yield SizedPane()


async def test_a_pane_is_drawn_once_for_each_size_it_is_shown_in() -> None:
    app = PaneApp()
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        pane = app.query_one(SizedPane)
        assert pane.sizes == [(60, 20)]
        assert pane.render_line(0).text.startswith("60x20")
        await pilot.resize_terminal(90, 30)
        await pilot.pause()
        assert pane.sizes == [(60, 20), (90, 30)]
        assert pane.render_line(0).text.startswith("90x30")
