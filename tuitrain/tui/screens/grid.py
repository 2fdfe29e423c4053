"""LR × weight decay as a map: the metric's value in each cell, the best one marked."""

import math
from collections.abc import Sequence
from typing import Final

from tuitrain.events import Step
from tuitrain.study import Study, TrialView
from tuitrain.tui.glyphs import BEST
from tuitrain.tui.lines import BLANK, Line, Span, line, pad, wrap
from tuitrain.tui.screens.reading import ReadingScreen
from tuitrain.units import format_number, format_percent, format_power

_CELL_WIDTH = 11
_HEATS: Final = 5
_GRID_STEPS = (Step.REFINE_GRID, Step.COARSE_GRID)


class GridScreen(ReadingScreen):
    """The newest grid of the study."""

    def watch_study(self) -> None:
        """Fill in what is known now."""
        self.show_rows()

    def title_text(self) -> str:
        """Return what the cells show."""
        if self.study is None:
            return "grid"
        return f"grid · {self.study.metric()[0]}"

    def rows(self, width: int) -> Sequence[Line]:
        """Return one map a step, the newest first."""
        if self.study is None:
            return []
        rows: list[Line] = []
        for step in _GRID_STEPS:
            trials = _newest(self.study, step)
            if trials:
                rows += [line((f"{step.number} {step.label}", "title"))]
                rows += [*draw_grid(self.study, trials), BLANK]
        if not rows:
            text = "The grid begins with step 4; there is nothing to compare yet."
            return wrap(text, width, "muted")
        sign = "highest" if self.study.metric()[1] else "lowest"
        return [*rows, line((f"{BEST} {sign} value so far; – not measured", "muted"))]


def _newest(study: Study, step: Step) -> list[TrialView]:
    run = study.model.latest(step)
    if run is None:
        return []
    ids = {trial.trial for trial in study.model.trials_of(run)}
    return [trial for trial in study.trials if trial.trial in ids]


def draw_grid(study: Study, trials: Sequence[TrialView]) -> list[Line]:
    """Return the map of some trials, the best of those in the same cell shown."""
    metric, highest = study.metric()
    best: dict[tuple[float, float], float | None] = {}
    for trial in trials:
        place = _number(trial, "lr"), _number(trial, "weight_decay")
        best[place] = _better(best.get(place), trial.best_metric, highest=highest)
    values = [v for v in best.values() if v is not None and math.isfinite(v)]
    top = (max(values) if highest else min(values)) if values else None
    rates = sorted({lr for lr, _ in best})
    decays = sorted({wd for _, wd in best})
    head = "".join(pad(format_power(wd), _CELL_WIDTH, right=True) for wd in decays)
    corner = pad("lr \\ weight decay", 18)
    rows = [line((f"  {corner}{head}", "muted"))]
    for lr in rates:
        spans: list[Span] = [(f"  {pad(format_power(lr), 18)}", "muted")]
        for wd in decays:
            value = best.get((lr, wd))
            text = _write(value, metric) if (lr, wd) in best else ""
            is_top = top is not None and value == top
            text = f"{BEST} {text}" if is_top else text
            role = _heat(value, values, highest=highest)
            spans += [(" ", ""), (pad(text, _CELL_WIDTH - 1, right=True), role)]
        rows.append(line(*spans))
    return rows


def _number(trial: TrialView, name: str) -> float:
    value = trial.config.get(name, 0.0)
    return float(value) if isinstance(value, int | float) else 0.0


def _better(one: float | None, other: float | None, *, highest: bool) -> float | None:
    known = [v for v in (one, other) if v is not None and math.isfinite(v)]
    if not known:
        return one if one is not None else other
    return max(known) if highest else min(known)


def _write(value: float | None, metric: str) -> str:
    return format_percent(value) if "acc" in metric else format_number(value)


def _heat(value: float | None, values: Sequence[float], *, highest: bool) -> str:
    """Return the role of a cell by its rank: heat-4 is best."""
    if value is None or not math.isfinite(value):
        return "muted"
    worse = sum((v < value) if highest else (v > value) for v in values)
    share = worse / (len(values) - 1) if len(values) > 1 else 1.0
    return f"heat-{round(share * (_HEATS - 1))}"
