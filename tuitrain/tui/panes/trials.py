"""The trials of the current step as a table with a cursor."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual.reactive import var

from tuitrain.model import TrialState
from tuitrain.study import Study, TrialView
from tuitrain.tui.glyphs import BEST, CURSOR, MARKED, UNMARKED
from tuitrain.tui.lines import Line, Span, line, pad, plain
from tuitrain.tui.lines_pane import LinesPane
from tuitrain.tui.view import Shown, View, shown_trials
from tuitrain.units import (
    format_duration,
    format_number,
    format_percent,
    format_power,
)

STATE_ROLES = {
    TrialState.QUEUED: "muted",
    TrialState.RUNNING: "accent",
    TrialState.FINISHED: "good",
    TrialState.FAILED: "bad",
    TrialState.STOPPED: "warn",
    TrialState.LOST: "bad",
}
"""Role of each state of a trial."""

_LEAD_WIDTH = 6


@dataclass(frozen=True)
class Column:
    """One column of the table."""

    title: str
    width: int
    priority: int
    """Columns with higher numbers go first when room is short."""
    text: Callable[[TrialView], str]
    is_left: bool = False
    is_needed: Callable[[Sequence[TrialView]], bool] = lambda _: True


def _power(trial: TrialView, name: str) -> str:
    value = trial.config.get(name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return format_power(float(value)) if is_number and value is not None else "–"


def _others(trial: TrialView) -> str:
    """Return the hyperparameters beside LR and weight decay."""
    others = (
        f"{name}={value}"
        for name, value in trial.config.items()
        if name not in ("lr", "weight_decay")
    )
    return plain(" ".join(others))


def _made(trial: TrialView) -> str:
    if trial.epochs is not None:
        return f"{trial.epoch}/{trial.epochs}"
    return (
        f"{trial.iteration}/{trial.iterations}"
        if trial.iterations
        else str(trial.iteration)
    )


def _left(trial: TrialView) -> str:
    if trial.left_s is not None:
        return format_duration(trial.left_s)
    return format_duration(trial.elapsed_s) if trial.elapsed_s is not None else "–"


def _ratio(trial: TrialView) -> str:
    return format_power(trial.ratio) if trial.ratio is not None else "–"


def _some(name: str) -> Callable[[Sequence[TrialView]], bool]:
    return lambda trials: any(getattr(t, name) is not None for t in trials)


COLUMNS = (
    Column("lr", 7, 0, lambda t: _power(t, "lr")),
    Column("wd", 7, 1, lambda t: _power(t, "weight_decay")),
    Column(
        "other",
        16,
        8,
        _others,
        is_left=True,
        is_needed=lambda trials: any(_others(t) for t in trials),
    ),
    Column("made", 9, 4, _made),
    Column("loss", 9, 0, lambda t: format_number(t.loss, 3)),
    Column(
        "acc",
        8,
        5,
        lambda t: format_percent(t.accuracy),
        is_needed=_some("accuracy"),
    ),
    Column(
        "val loss",
        9,
        3,
        lambda t: format_number(t.val_loss, 3),
        is_needed=_some("val_loss"),
    ),
    Column(
        "val acc",
        8,
        2,
        lambda t: format_percent(t.val_accuracy),
        is_needed=_some("val_accuracy"),
    ),
    Column("ratio", 8, 6, _ratio, is_needed=_some("ratio")),
    Column("time", 7, 7, _left),
)


class TrialsPane(LinesPane):
    """One row a trial; the chosen one stays in sight."""

    study: var[Study | None] = var(None, init=False, always_update=True)
    view: var[View] = var(View(), init=False)

    def watch_study(self) -> None:
        """Draw the newer study."""
        self.redraw()

    def watch_view(self) -> None:
        """Draw cursor and marks."""
        self.redraw()

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """Return a heading and the rows around the chosen trial."""
        shown = shown_trials(self.study, self.view) if self.study is not None else ()
        self.entitle(f"trials · {len(shown)}" if shown else "trials")
        if self.study is None or not shown:
            return [line((" none yet", "muted"))]
        columns = choose_columns([s.trial for s in shown], width - _LEAD_WIDTH)
        current = self.study.current
        best = current.best_trial if current is not None else None
        at = next((i for i, s in enumerate(shown) if s.is_cursor), 0)
        room = max(1, height - 1)
        first = max(0, min(at - room // 2, len(shown) - room))
        rows = [_heading(columns)]
        seen = shown[first : first + room]
        rows += [_row(s, columns, width, is_best=s.trial.trial == best) for s in seen]
        return rows


def choose_columns(trials: Sequence[TrialView], room: int) -> list[Column]:
    """Return the columns that have something to show and fit, in order."""
    state_width = 10
    chosen: list[Column] = []
    for column in sorted(COLUMNS, key=lambda c: c.priority):
        used = state_width + sum(c.width for c in chosen)
        if column.is_needed(trials) and used + column.width <= room:
            chosen.append(column)
    return [column for column in COLUMNS if column in chosen]


def _cell(column: Column, text: str) -> str:
    if column.is_left:
        return "  " + pad(text, column.width - 2)
    return pad(text, column.width, right=True)


def _heading(columns: Sequence[Column]) -> Line:
    titles = "".join(_cell(column, column.title) for column in columns)
    return line((" " * _LEAD_WIDTH + titles + "  state", "muted"))


def _row(shown: Shown, columns: Sequence[Column], width: int, *, is_best: bool) -> Line:
    trial = shown.trial
    role = "cursor" if shown.is_cursor else ""
    mark: Span = (MARKED, shown.role) if shown.is_drawn else (UNMARKED, "muted")
    cells = "".join(_cell(column, column.text(trial)) for column in columns)
    state = trial.state.value + (f" {BEST}" if is_best else "")
    if trial.reason and trial.state.is_over:
        state += f" · {plain(trial.reason)}"
    room = max(0, width - _LEAD_WIDTH - sum(c.width for c in columns) - 2)
    return line(
        (CURSOR if shown.is_cursor else " ", "accent"),
        " ",
        mark,
        " ",
        (shown.letter, shown.role if shown.is_drawn else role or "muted"),
        " ",
        (cells, role),
        ("  ", role),
        (pad(state, room), STATE_ROLES[trial.state]),
    )
