"""A line at the foot of a screen in which something is typed: what to look for."""

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from tuitrain.tui.lines import plain

LONGEST = 200
"""Characters that can be typed."""


class TypingLine(Input):
    """Hidden until it is opened; tells every change while something is typed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "withdraw", "forget it", show=False)
    ]

    @dataclass
    class Typed(Message):
        """The text changed; `is_done` once enter was pressed or all was withdrawn."""

        text: str
        is_done: bool = False

    def __init__(self, placeholder: str) -> None:
        """Return a hidden line."""
        super().__init__(
            id="typing", placeholder=placeholder, compact=True, max_length=LONGEST
        )
        # A blinking cursor would send bytes for ever.
        self.cursor_blink = False
        self.display = False

    def open(self, text: str = "") -> None:
        """Show the line and write into it."""
        self.value = text
        self.display = True
        self.focus()

    @on(Input.Changed)
    def tell(self, event: Input.Changed) -> None:
        """Tell what is typed so far."""
        event.stop()
        if self.display:
            self.post_message(self.Typed(plain(event.value)))

    @on(Input.Submitted)
    def close(self, event: Input.Submitted) -> None:
        """Keep what was typed."""
        event.stop()
        self._end(event.value)

    def action_withdraw(self) -> None:
        """Forget what was typed."""
        self._end("")

    def _end(self, text: str) -> None:
        self.display = False
        self.screen.set_focus(None)
        self.post_message(self.Typed(plain(text), is_done=True))
