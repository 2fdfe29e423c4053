"""The six steps: state, evidence, progress."""

from collections.abc import Sequence

from textual.reactive import var

from tuitrain.study import StepState, StepView, Study
from tuitrain.tui.glyphs import (
    BAR_DONE,
    BAR_LEFT,
    READY,
    RUNNING,
    TODO,
    VERDICT_SIGNS,
)
from tuitrain.tui.lines import BLANK, Line, Span, fit, justify, line, plain
from tuitrain.tui.lines_pane import LinesPane
from tuitrain.units import format_duration


def step_sign(view: StepView) -> Span:
    """Return the sign of a step's state, with its role."""
    if view.state is StepState.RUNNING:
        return RUNNING, "accent"
    if view.state is StepState.JUDGED and view.verdict is not None:
        return VERDICT_SIGNS[view.verdict]
    if view.state is StepState.READY:
        return READY, "accent"
    return TODO, "muted"


def progress_bar(share: float, width: int) -> Line:
    """Return a bar `width` cells long, filled to `share`."""
    done = round(max(0.0, min(1.0, share)) * width)
    return line((BAR_DONE * done, "accent"), (BAR_LEFT * (width - done), "muted"))


class ChecklistPane(LinesPane):
    """Two rows a step; one where the pane is low."""

    study: var[Study | None] = var(None, init=False, always_update=True)

    def watch_study(self) -> None:
        """Draw the newer study."""
        self.redraw()

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """Return the steps from the first on."""
        self.entitle("checklist")
        if self.study is None:
            return [line(("reading …", "muted"))]
        steps = self.study.steps
        rows: list[Line] = []
        is_tall = height >= 2 * len(steps)
        for step in steps:
            rows.append(_headline(step, width, is_tall=is_tall))
            if is_tall:
                rows.append(_detail(step, width))
        return rows


def _headline(view: StepView, width: int, *, is_tall: bool) -> Line:
    name = f"{view.step.number} {view.step.label}"
    left = line(" ", step_sign(view), " ", (name, "strong" if view.is_current else ""))
    if view.state is StepState.RUNNING:
        count = f"{view.done}/{view.total}"
        right = line((f"{count} " if is_tall else f"{count} {_times(view)} ", "muted"))
    elif view.elapsed_s is not None:
        right = line((f"{format_duration(view.elapsed_s)} ", "muted"))
    else:
        right = BLANK
    return justify(left, right, width)


def _detail(view: StepView, width: int) -> Line:
    indent = "   "
    if view.state is StepState.RUNNING:
        tail = f" {_times(view)} "
        bar = progress_bar(
            view.progress or 0.0, max(4, width - len(indent) - len(tail))
        )
        return line(indent, *bar, (tail, "muted"))
    if view.state is StepState.READY:
        return line(indent, ("enter runs it", "accent"))
    if view.state is StepState.JUDGED:
        text = f"overruled: {view.note}" if view.is_overridden else view.summary
        return fit(line(indent, (plain(text), "muted")), width)
    return BLANK


def _times(view: StepView) -> str:
    """Return how long a running step took so far, and how long it takes at all."""
    elapsed_s = view.elapsed_s or 0.0
    if view.left_s is None:
        return format_duration(elapsed_s)
    return f"{format_duration(elapsed_s)} of {format_duration(elapsed_s + view.left_s)}"
