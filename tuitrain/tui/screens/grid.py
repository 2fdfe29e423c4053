"""LR × weight decay as a map: the metric's value in each cell, the best one marked."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from textual.binding import BindingType
from textual.reactive import var

from tuitrain.events import Step
from tuitrain.model import TrialState
from tuitrain.study import Study, TrialView
from tuitrain.tui.glyphs import BEST, RUNNING, SHADES, TODO
from tuitrain.tui.keys import GRID_KEYS, to_bindings
from tuitrain.tui.lines import BLANK, Line, Span, line, pad, plain, wrap
from tuitrain.tui.screens.reading import ReadingScreen
from tuitrain.units import format_number, format_percent, format_power

_CELL_WIDTH: Final = 12
_HEAD_WIDTH: Final = 20
_CORNER: Final = "  lr \\ weight decay"
_GRID_STEPS = (Step.REFINE_GRID, Step.COARSE_GRID)


@dataclass(frozen=True)
class GridMetric:
    """What the cells of a grid show."""

    name: str
    highest: bool
    """Whether higher is better."""
    value: Callable[[TrialView], float | None]

    def write(self, value: float | None) -> str:
        """Return a value as it stands in a cell."""
        is_share = "acc" in self.name
        return format_percent(value) if is_share else format_number(value)


def metrics_of(study: Study) -> list[GridMetric]:
    """Return what can be shown, the metric that ranks trials first."""
    name, highest = study.metric()
    newest: dict[str, tuple[bool, Callable[[TrialView], float | None]]] = {
        "val_accuracy": (True, lambda t: t.val_accuracy),
        "val_loss": (False, lambda t: t.val_loss),
        "accuracy": (True, lambda t: t.accuracy),
        "loss": (False, lambda t: t.loss),
    }
    found = [GridMetric(f"best {name}", highest, lambda t: t.best_metric)]
    for name, (highest, value) in newest.items():
        if any(value(trial) is not None for trial in study.trials):
            found.append(GridMetric(f"newest {name}", highest, value))
    return found


class GridScreen(ReadingScreen):
    """The newest grids of the study."""

    BINDINGS: ClassVar[list[BindingType]] = [*to_bindings(GRID_KEYS)]
    OWN_KEYS = GRID_KEYS

    chosen: var[int] = var(0, init=False)
    """Which metric is shown."""

    def watch_study(self) -> None:
        """Fill in what is known now."""
        self.show_rows()

    def watch_chosen(self) -> None:
        """Show another metric."""
        self.show_rows()

    def action_metric(self, direction: int) -> None:
        """Show the next or the former metric."""
        self.chosen += direction

    def title_text(self) -> str:
        """Return what the cells show."""
        if self.study is None:
            return "grid"
        return f"grid · {plain(self._metric(self.study).name)}"

    def rows(self, width: int) -> Sequence[Line]:
        """Return one map a step, the newest first."""
        if self.study is None:
            return []
        metric = self._metric(self.study)
        rows: list[Line] = []
        for step in _GRID_STEPS:
            trials = _newest(self.study, step)
            if trials:
                rows += [line((f"{step.number} {step.label}", "title"))]
                rows += [*draw_grid(metric, trials, width), BLANK]
        if not rows:
            text = "The grid begins with step 4; there is nothing to compare yet."
            return wrap(text, width, "muted")
        return [*rows, *_legend(metric, width)]

    def _metric(self, study: Study) -> GridMetric:
        metrics = metrics_of(study)
        return metrics[self.chosen % len(metrics)]


def _newest(study: Study, step: Step) -> list[TrialView]:
    run = study.model.latest(step)
    if run is None:
        return []
    ids = {trial.trial for trial in study.model.trials_of(run)}
    return [trial for trial in study.trials if trial.trial in ids]


def draw_grid(
    metric: GridMetric, trials: Sequence[TrialView], width: int
) -> list[Line]:
    """Return the map of some trials, the best of those in the same cell shown.

    Columns that have no room are left out, and their number is told.
    """
    cells: dict[tuple[float, float], list[TrialView]] = {}
    for trial in trials:
        place = _number(trial, "lr"), _number(trial, "weight_decay")
        cells.setdefault(place, []).append(trial)
    known = {place: _best(metric, found) for place, found in cells.items()}
    values = [v for v in known.values() if v is not None and math.isfinite(v)]
    rates = sorted({lr for lr, _ in cells})
    decays = sorted({wd for _, wd in cells})
    room = max(1, (width - _HEAD_WIDTH) // _CELL_WIDTH)
    shown = decays[:room]
    head = "".join(pad(format_power(wd), _CELL_WIDTH, right=True) for wd in shown)
    rows = [line((pad(_CORNER, _HEAD_WIDTH) + head, "muted"))]
    for lr in rates:
        spans: list[Span] = [
            (f"  {pad(format_power(lr), _HEAD_WIDTH - 2)}", "muted"),
        ]
        for wd in shown:
            found = cells.get((lr, wd), [])
            spans += [(" ", ""), _cell(metric, found, known.get((lr, wd)), values)]
        rows.append(line(*spans))
    if len(decays) > len(shown):
        more = f"{len(decays) - len(shown)} more weight decays have no room here"
        rows += wrap(more, width, "muted", first=line("  "), indent=2)
    return rows


def _cell(
    metric: GridMetric,
    trials: Sequence[TrialView],
    value: float | None,
    values: Sequence[float],
) -> Span:
    """Return the number in a cell behind a shade that rises with its rank."""
    width = _CELL_WIDTH - 1
    if not trials:
        return " " * width, ""
    if value is None or not math.isfinite(value):
        states = {trial.state for trial in trials}
        text = format_number(value) if value is not None else "–"
        if TrialState.RUNNING in states:
            text = RUNNING
        elif states == {TrialState.QUEUED}:
            text = TODO
        return pad(text, width, right=True), "muted"
    rank = _rank(value, values, highest=metric.highest)
    is_top = value == (max(values) if metric.highest else min(values))
    is_open = any(not trial.state.is_over for trial in trials)
    number = metric.write(value) + (RUNNING if is_open else " ")
    sign = BEST if is_top else SHADES[rank]
    return f"{sign} {pad(number, width - 2, right=True)}", f"heat-{rank}"


def _legend(metric: GridMetric, width: int) -> list[Line]:
    sign = "highest" if metric.highest else "lowest"
    shades = SHADES[:0:-1]
    text = (
        f"{BEST} {sign} so far · {shades} better to worse · {RUNNING} runs · "
        f"{TODO} waits · – not measured"
    )
    return wrap(text, width, "muted")


def _best(metric: GridMetric, trials: Sequence[TrialView]) -> float | None:
    found = [metric.value(trial) for trial in trials]
    finite = [v for v in found if v is not None and math.isfinite(v)]
    if not finite:
        return next((v for v in found if v is not None), None)
    return max(finite) if metric.highest else min(finite)


def _number(trial: TrialView, name: str) -> float:
    value = trial.config.get(name, 0.0)
    return float(value) if isinstance(value, int | float) else 0.0


def _rank(value: float, values: Sequence[float], *, highest: bool) -> int:
    """Return a place among all values: the last of `SHADES` is best."""
    worse = sum((v < value) if highest else (v > value) for v in values)
    share = worse / (len(values) - 1) if len(values) > 1 else 1.0
    return round(share * (len(SHADES) - 1))
