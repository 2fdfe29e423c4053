"""What the screens that are read have in common: one text, its keys, the last line."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.reactive import var
from textual.screen import Screen

from tuitrain.study import Study
from tuitrain.tui.keys import READING_KEYS, Key, to_bindings
from tuitrain.tui.lines import Line
from tuitrain.tui.lines_pane import LinesPane
from tuitrain.tui.messages import PictureWanted
from tuitrain.tui.panes.key_bar import key_line
from tuitrain.tui.panes.reading import ReadingPane


class ReadingKeyBar(LinesPane):
    """The keys of a screen that is read."""

    def __init__(self, own: Sequence[Key]) -> None:
        """Return the line; a screen's `own` keys come before those all have."""
        super().__init__(id="keys")
        taken = {key.shown for key in own}
        common = [key for key in READING_KEYS if key.shown not in taken]
        keys = [key for key in (*own, *common) if key.label]
        # The way back comes last, where there is always room.
        self._keys = sorted(keys, key=lambda key: key.action == "close")

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """Return the one line."""
        return [key_line(self._keys, width)]


class ReadingScreen(Screen[None]):
    """One text over the whole screen; subclasses say which."""

    BINDINGS: ClassVar[list[BindingType]] = [*to_bindings(READING_KEYS)]
    AUTO_FOCUS = ""
    OWN_KEYS: ClassVar[tuple[Key, ...]] = ()
    """Keys that this screen alone has."""

    study: var[Study | None] = var(None, init=False, always_update=True)

    def compose(self) -> ComposeResult:
        """Text above, keys below."""
        yield from self.compose_body()
        yield ReadingKeyBar(self.OWN_KEYS)

    def compose_body(self) -> ComposeResult:
        """Return what stands above the line of keys."""
        yield ReadingPane(id="text", classes="pane")

    @property
    def text(self) -> ReadingPane:
        """The pane with the text."""
        return self.query_one("#text", ReadingPane)

    def title_text(self) -> str:
        """Return what is written on the border."""
        raise NotImplementedError

    def rows(self, width: int) -> Sequence[Line]:
        """Return the text, wrapped to `width` cells."""
        raise NotImplementedError

    def show_rows(self) -> None:
        """Write the text anew."""
        if not self.is_mounted or not self.query("#text"):
            return
        pane = self.text
        self._entitle()
        pane.rows = self.rows(max(10, pane.size.width or self.size.width - 2))

    def on_mount(self) -> None:
        """Write the text once the size is known."""
        self.call_after_refresh(self.show_rows)

    def on_resize(self, _: events.Resize) -> None:
        """Wrap for the new width."""
        self.call_after_refresh(self.show_rows)

    def action_close(self) -> None:
        """Go back."""
        self.dismiss()

    def action_scroll(self, rows: int) -> None:
        """Move by rows."""
        self.text.scroll_rows(rows)
        self._entitle()

    def action_scroll_page(self, pages: int) -> None:
        """Move by pages."""
        self.text.scroll_pages(pages)
        self._entitle()

    def action_scroll_to_start(self) -> None:
        """Go to the top."""
        self.text.go_to_start()
        self._entitle()

    def action_scroll_to_end(self) -> None:
        """Go to the end."""
        self.text.go_to_end(stick=True)
        self._entitle()

    def _entitle(self) -> None:
        pane = self.text
        pane.entitle(self.title_text(), pane.place)

    def action_save_picture(self) -> None:
        """Have the screen saved."""
        self.post_message(PictureWanted())
