"""Questions: one key answers, escape withdraws."""

from collections.abc import Sequence
from typing import ClassVar

import msgspec
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widgets import Input

from tuitrain.tui.lines import BLANK, Line, line, wrap
from tuitrain.tui.lines_pane import LinesPane


class Answer(msgspec.Struct, frozen=True):
    """One possible answer."""

    key: str
    text: str
    value: str


class QuestionPane(LinesPane):
    """A question and its answers."""

    def __init__(self, question: str, answers: Sequence[Answer]) -> None:
        """Return a pane that asks `question`; the first answer is the default."""
        super().__init__(id="question")
        self._question = question
        self._answers = answers

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the rows that question and answers take: the box grows with them."""
        return len(self._rows(width))

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """Return question and answers."""
        return self._rows(width)

    def _rows(self, width: int) -> list[Line]:
        rows = wrap(self._question, width, "strong")
        rows.append(BLANK)
        for index, answer in enumerate(self._answers):
            default = "  (enter)" if index == 0 else ""
            rows += wrap(
                answer.text + default,
                width,
                first=line((f"{answer.key}  ", "accent")),
                indent=3,
            )
        return [*rows, line(("esc", "accent"), ("  not now", "muted"))]


class AskChoice(ModalScreen[str | None]):
    """Asks for one of a few answers; None: withdrawn."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "withdraw", "not now"),
        Binding("enter", "take_default", "default"),
    ]

    def __init__(self, question: str, answers: Sequence[Answer]) -> None:
        """Return a screen that asks `question`; enter takes the first answer."""
        super().__init__()
        self._question = question
        self._answers = answers

    def compose(self) -> ComposeResult:
        """One box in the middle."""
        with Vertical(id="box"):
            yield QuestionPane(self._question, self._answers)

    def on_key(self, event: events.Key) -> None:
        """Take the answer of a key."""
        for answer in self._answers:
            if event.key == answer.key:
                event.stop()
                self.dismiss(answer.value)
                return

    def action_withdraw(self) -> None:
        """Answer nothing."""
        self.dismiss(None)

    def action_take_default(self) -> None:
        """Take the first answer."""
        self.dismiss(self._answers[0].value)


class AskText(ModalScreen[str | None]):
    """Asks for a line of text; None: withdrawn."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "withdraw", "not now")
    ]

    def __init__(self, question: str) -> None:
        """Return a screen that asks `question`."""
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        """One box in the middle."""
        with Vertical(id="box"):
            yield QuestionPane(self._question, ())
            yield Input(id="answer", max_length=200)

    @on(Input.Submitted)
    def take(self, event: Input.Submitted) -> None:
        """Take what was written."""
        self.dismiss(event.value.strip())

    def action_withdraw(self) -> None:
        """Answer nothing."""
        self.dismiss(None)
