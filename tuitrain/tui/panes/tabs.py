"""The second line where one pane is shown at a time: which one, and the six steps."""

from collections.abc import Sequence

from textual.reactive import var

from tuitrain.study import Study
from tuitrain.tui.lines import Line, Span, justify, line
from tuitrain.tui.lines_pane import LinesPane
from tuitrain.tui.panes.checklist import step_sign


class TabsPane(LinesPane):
    """Names of the panes with the shown one marked, and the steps in short."""

    study: var[Study | None] = var(None, init=False, always_update=True)
    names: var[tuple[str, ...]] = var((), init=False)
    chosen: var[int] = var(0, init=False)

    def watch_study(self) -> None:
        """Draw the steps' states."""
        self.redraw()

    def watch_chosen(self) -> None:
        """Mark another pane."""
        self.redraw()

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """Return the one line."""
        spans: list[Span] = [(" ", "")]
        for index, name in enumerate(self.names):
            is_chosen = index == self.chosen
            text = f"[{name}]" if is_chosen else f" {name} "
            spans.append((text, "strong" if is_chosen else "muted"))
        steps: list[Span] = []
        for view in self.study.steps if self.study is not None else ():
            sign, role = step_sign(view)
            steps += [(f"{view.step.number}{sign}", role), (" ", "")]
        return [justify(line(*spans), tuple(steps), width)]
