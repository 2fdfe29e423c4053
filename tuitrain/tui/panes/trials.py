"""The trials of the current step as a table with a cursor."""

from collections.abc import Sequence

from textual.reactive import var

from tuitrain.model import TrialState
from tuitrain.study import Study
from tuitrain.tui.glyphs import BEST, CURSOR, MARKED, UNMARKED
from tuitrain.tui.lines import Line, Span, line, pad, plain
from tuitrain.tui.lines_pane import LinesPane
from tuitrain.tui.table import (
    GAP,
    STATE,
    Column,
    choose_columns,
    heading,
    table_rows,
)
from tuitrain.tui.view import Shown, View, listed_trials

STATE_ROLES = {
    TrialState.QUEUED: "muted",
    TrialState.RUNNING: "accent",
    TrialState.FINISHED: "good",
    TrialState.FAILED: "bad",
    TrialState.STOPPED: "warn",
    TrialState.LOST: "bad",
}
"""Role of each state of a trial."""

_LEAD_WIDTH = 5


class TrialsPane(LinesPane):
    """One row a trial; the chosen one stays in sight."""

    study: var[Study | None] = var(None, init=False, always_update=True)
    view: var[View] = var(View(), init=False)

    def __init__(self, *, id: str, classes: str) -> None:  # noqa: A002 - Textual's own name
        """Return a table that shows nothing yet."""
        super().__init__(id=id, classes=classes)
        self._first = 0

    def watch_study(self) -> None:
        """Draw the newer study."""
        self.redraw()

    def watch_view(self) -> None:
        """Draw cursor and marks."""
        self.redraw()

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """Return a heading and the rows in sight."""
        if self.study is None:
            return [line((" none yet", "muted"))]
        shown = table_rows(self.study, self.view)
        self.entitle(self._title(len(shown)))
        if not shown:
            empty = " none like this" if self.view.looked_for else " none yet"
            return [line((empty, "muted"))]
        columns = choose_columns([s.trial for s in shown], width - _LEAD_WIDTH)
        current = self.study.current
        best = current.best_trial if current is not None else None
        room = max(1, height - 1)
        self._keep_in_sight([s.is_cursor for s in shown], room)
        rows = [_heading(columns, self.view)]
        seen = shown[self._first : self._first + room]
        rows += [_row(s, columns, width, is_best=s.trial.trial == best) for s in seen]
        return rows

    def _keep_in_sight(self, is_cursor: Sequence[bool], room: int) -> None:
        """Scroll only as far as is needed, so that most rows stay where they are."""
        at = is_cursor.index(True) if True in is_cursor else 0
        first = min(max(self._first, at - room + 1), at)
        self._first = max(0, min(first, len(is_cursor) - room))

    def _title(self, count: int) -> str:
        every = len(listed_trials(self.study)) if self.study is not None else 0
        if not every:
            return "trials"
        looked_for = plain(self.view.looked_for)
        if not looked_for:
            return f"trials · {every}"
        return f"trials · {count} of {every} like {looked_for}"


def _heading(columns: Sequence[Column], view: View) -> Line:
    titles = "".join(column.cell(heading(view, column.title)) for column in columns)
    state = " " * GAP + heading(view, STATE)
    return line((" " * _LEAD_WIDTH + titles + state, "muted"))


def _row(shown: Shown, columns: Sequence[Column], width: int, *, is_best: bool) -> Line:
    trial = shown.trial
    role = "cursor" if shown.is_cursor else ""
    mark: Span = (MARKED, shown.role) if shown.is_drawn else (UNMARKED, "muted")
    cells = "".join(column.cell(column.text(trial)) for column in columns)
    state = trial.state.value
    if trial.reason and trial.state.is_over:
        state += f" · {plain(trial.reason)}"
    room = max(0, width - _LEAD_WIDTH - sum(c.width + GAP for c in columns) - GAP)
    return line(
        (CURSOR if shown.is_cursor else " ", "accent"),
        (BEST if is_best else " ", "accent"),
        mark,
        " ",
        (shown.letter, shown.role if shown.is_drawn else role or "muted"),
        (cells + " " * GAP, role),
        (pad(state, room), STATE_ROLES[trial.state]),
    )
