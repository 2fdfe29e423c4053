"""Some trials side by side: what differs between them, and what came of it."""

from collections.abc import Callable, Sequence

from textual.reactive import var

from tuitrain.study import Study, TrialView
from tuitrain.tui.glyphs import BEST
from tuitrain.tui.lines import BLANK, Line, Span, line, pad, plain, wrap
from tuitrain.tui.panes.trials import STATE_ROLES
from tuitrain.tui.screens.reading import ReadingScreen
from tuitrain.tui.view import Shown, View, shown_trials
from tuitrain.units import (
    format_duration,
    format_number,
    format_percent,
    format_power,
)

_NAME_WIDTH = 18
_CELL_WIDTH = 14
_RATES = ("lr", "weight_decay")

Cell = Callable[[TrialView], str]


class CompareScreen(ReadingScreen):
    """The marked trials as columns."""

    view: var[View] = var(View(), init=False)

    def __init__(self, view: View) -> None:
        """Compare the trials that are drawn in `view`."""
        super().__init__()
        self.set_reactive(CompareScreen.view, view)

    def watch_study(self) -> None:
        """Write what is known now."""
        self.show_rows()

    def title_text(self) -> str:
        """Return how many trials are compared."""
        return f"compare · {len(self._compared())} trials"

    def rows(self, width: int) -> Sequence[Line]:
        """Return as many trials side by side as fit, the others below."""
        compared = self._compared()
        if self.study is None or not compared:
            return wrap("There is no marked trial here any more.", width, "muted")
        beside = max(1, (width - _NAME_WIDTH) // _CELL_WIDTH)
        rows: list[Line] = []
        for first in range(0, len(compared), beside):
            part = compared[first : first + beside]
            rows += [*compare(self.study, part, compared), BLANK]
        return rows + _findings(self.study, compared, width)

    def _compared(self) -> list[Shown]:
        if self.study is None:
            return []
        return [s for s in shown_trials(self.study, self.view) if s.is_drawn]


def compare(
    study: Study, part: Sequence[Shown], compared: Sequence[Shown]
) -> list[Line]:
    """Return a table of `part`, a column each.

    Args:
        study: The study.
        part: The trials beside each other.
        compared: All trials; what is the same in all of them comes after what differs.
    """
    head: list[Span] = [(" " * _NAME_WIDTH, "")]
    for shown in part:
        name = f"{shown.letter} {plain(shown.trial.trial)}"
        head.append((pad(name, _CELL_WIDTH, right=True), shown.role))
    states: list[Span] = [(pad("state", _NAME_WIDTH), "muted")]
    for shown in part:
        text = pad(shown.trial.state.value, _CELL_WIDTH, right=True)
        states.append((text, STATE_ROLES[shown.trial.state]))
    rows = [line(*head), line(*states), BLANK]
    names = dict.fromkeys(name for s in compared for name in s.trial.config)
    differs = {n: len({_config(s.trial, n) for s in compared}) > 1 for n in names}
    for title, wanted in (("configuration that differs", True), ("the same", False)):
        chosen = [name for name in names if differs[name] is wanted]
        if chosen:
            rows.append(line((title, "title")))
            rows += [_row(n, part, lambda t, n=n: _config(t, n)) for n in chosen]  # type: ignore[misc]
            rows.append(BLANK)
    return [*rows, line(("measured", "title")), *_measured(study, part, compared)]


def _measured(
    study: Study, part: Sequence[Shown], compared: Sequence[Shown]
) -> list[Line]:
    metric, highest = study.metric()
    known = [t.trial.best_metric for t in compared]
    finite = [v for v in known if v is not None and v == v]
    top = (max(finite) if highest else min(finite)) if finite else None

    def best(trial: TrialView) -> str:
        text = _value(metric, trial.best_metric)
        return f"{BEST} {text}" if trial.best_metric == top and finite else text

    cells: dict[str, Cell] = {
        f"best {metric}": best,
        "loss": lambda t: format_number(t.loss),
        "accuracy": lambda t: format_percent(t.accuracy),
        "val loss": lambda t: format_number(t.val_loss),
        "val accuracy": lambda t: format_percent(t.val_accuracy),
        "update ratio": lambda t: format_power(t.ratio) if t.ratio is not None else "–",
        "epochs": lambda t: str(t.epoch),
        "iterations": lambda t: str(t.iteration),
        "time": lambda t: (
            format_duration(t.elapsed_s) if t.elapsed_s is not None else "–"
        ),
    }
    return [_row(name, part, cell) for name, cell in cells.items()]


def _row(name: str, part: Sequence[Shown], cell: Cell) -> Line:
    cells = (" " + pad(cell(s.trial), _CELL_WIDTH - 1, right=True) for s in part)
    return line((pad(plain(name), _NAME_WIDTH), "muted"), "".join(cells))


def _config(trial: TrialView, name: str) -> str:
    value = trial.config.get(name)
    if value is None:
        return "–"
    is_rate = name in _RATES and isinstance(value, int | float)
    return format_power(float(value)) if is_rate else plain(str(value))


def _value(metric: str, value: float | None) -> str:
    return format_percent(value) if "acc" in metric else format_number(value)


def _findings(study: Study, compared: Sequence[Shown], width: int) -> list[Line]:
    rows = [line(("findings", "title"))]
    for shown in compared:
        found = study.findings(shown.trial.trial)
        first = line((f"{shown.letter} ", shown.role))
        if not found:
            rows.append(line(*first, ("nothing found", "muted")))
        for finding in found:
            kind = plain(finding.kind).replace("_", " ")
            rows += wrap(f"{kind}: {finding.summary}", width, first=first, indent=2)
    return rows
