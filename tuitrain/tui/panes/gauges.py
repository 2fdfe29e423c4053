"""Update ratios: one gauge a layer on a log scale around 1e-3, the worst first."""

import math
from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len
from textual.reactive import var

from tuitrain.diagnosis.rules.update_ratios import TARGET
from tuitrain.study import GaugeView, RatioState, Study
from tuitrain.study.gauges import HIGH_ABOVE, LOW_BELOW
from tuitrain.tui.glyphs import BAND, POINT, TRACK, TRAIL
from tuitrain.tui.lines import Line, crop, line, merge, pad, plain
from tuitrain.tui.lines_pane import LinesPane
from tuitrain.tui.view import View, cursor_trial, shown_trials
from tuitrain.units import format_power

LOWEST, HIGHEST = 1e-6, 1.0
"""Ends of the scale."""

_ROLES: Final = {
    RatioState.FINE: "good",
    RatioState.LOW: "warn",
    RatioState.HIGH: "warn",
    RatioState.DEAD: "bad",
    RatioState.NO_GRADIENT: "bad",
    RatioState.UNKNOWN: "muted",
}
_VALUE_WIDTH = 7
_STATE_WIDTH = 12
_WIDEST_NAME = 24
_SHORTEST_SCALE = 8


class GaugesPane(LinesPane):
    """The update ratios of the chosen trial."""

    study: var[Study | None] = var(None, init=False, always_update=True)
    view: var[View] = var(View(), init=False)

    first: var[int] = var(0, init=False)
    """The gauge that is uppermost."""

    def watch_study(self) -> None:
        """Draw the newer study."""
        self.redraw()

    def watch_view(self, before: View, after: View) -> None:
        """Draw another trial's gauges, from the worst on."""
        if before.cursor != after.cursor:
            self.first = 0
        self.redraw()

    def watch_first(self) -> None:
        """Draw other gauges."""
        self.redraw()

    def scroll_by(self, pages: int) -> None:
        """Scroll by pages, as far as there are gauges."""
        room = max(1, self.size.height - 2)
        furthest = max(0, self._count - room)
        self.first = max(0, min(furthest, self.first + pages * room))

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """Return a scale and as many gauges as fit."""
        trial = cursor_trial(self.study, self.view) if self.study else None
        gauges = self.study.gauges(trial.trial) if self.study and trial else ()
        self._count = len(gauges)
        self.entitle(self._title())
        if not gauges:
            return [line((" not measured yet", "muted"))]
        rows = gauge_rows(gauges, width)
        room = max(1, height - 2) if len(gauges) > height - 1 else len(gauges)
        first = max(0, min(self.first, len(gauges) - room))
        seen = [rows[0], *rows[1 + first : 1 + first + room]]
        if room < len(gauges):
            seen.append(_about_rest(gauges, first, first + room))
        return seen

    def _title(self) -> str:
        if self.study is None:
            return "update ratio"
        shown = (s for s in shown_trials(self.study, self.view) if s.is_cursor)
        letter = next((s.letter for s in shown), "")
        return f"update ratio · {letter}" if letter else "update ratio"


def gauge_rows(gauges: Sequence[GaugeView], width: int) -> list[Line]:
    """Return a scale, and below it a row for each gauge."""
    names = _names(gauges)
    has_state = width >= 48
    widest = min(_WIDEST_NAME, max((cell_len(name) for name in names), default=0))
    rest = width - _VALUE_WIDTH - 3 - (_STATE_WIDTH if has_state else 0)
    name_width = max(3, min(widest, rest - _SHORTEST_SCALE))
    scale = max(1, rest - name_width)
    rows = [_ruler(name_width, scale)]
    rows += [
        _row(gauge, name, name_width, scale, has_state=has_state)
        for gauge, name in zip(gauges, names, strict=True)
    ]
    return rows


def _about_rest(gauges: Sequence[GaugeView], first: int, end: int) -> Line:
    """Return which gauges are in sight, and how many of the others are fine."""
    others = (*gauges[:first], *gauges[end:])
    fine = sum(gauge.state is RatioState.FINE for gauge in others)
    text = f" {first + 1}–{end} of {len(gauges)} · {fine} of the others fine"
    return line((text, "muted"))


def to_cell(ratio: float, width: int) -> int:
    """Return the cell of `ratio` on a scale of `width` cells; ends catch the rest."""
    if not ratio > 0:
        return 0
    share = math.log(min(max(ratio, LOWEST), HIGHEST) / LOWEST) / math.log(
        HIGHEST / LOWEST
    )
    return round(share * (width - 1))


def _names(gauges: Sequence[GaugeView]) -> list[str]:
    """Return layer names without the ending that all of them share."""
    names = [plain(gauge.layer) for gauge in gauges]
    if all(name.endswith(".weight") for name in names):
        return [name.removesuffix(".weight") for name in names]
    return names


def _ruler(name_width: int, scale: int) -> Line:
    marks = [" "] * scale
    for value, text in ((LOWEST, "1e-6"), (TARGET, "1e-3"), (HIGHEST, "1")):
        at = min(to_cell(value, scale), scale - len(text))
        if at >= 0 and all(mark == " " for mark in marks[max(0, at - 1) : at + 5]):
            marks[at : at + len(text)] = text
    return line(" " * (name_width + 2), ("".join(marks), "muted"))


def _row(
    gauge: GaugeView, name: str, name_width: int, scale: int, *, has_state: bool
) -> Line:
    role = _ROLES[gauge.state]
    cells = [TRACK] * scale
    roles = ["muted"] * scale
    for at in range(to_cell(LOW_BELOW, scale), to_cell(HIGH_ABOVE, scale) + 1):
        roles[at] = "good"
    cells[to_cell(TARGET, scale)] = BAND
    for older in gauge.trail[:-1]:
        if math.isfinite(older):
            at = to_cell(older, scale)
            cells[at], roles[at] = TRAIL, role
    if gauge.ratio is not None and math.isfinite(gauge.ratio):
        at = to_cell(gauge.ratio, scale)
        cells[at], roles[at] = POINT, role
    value = format_power(gauge.ratio) if gauge.ratio is not None else "–"
    shown_name = pad(crop(name, name_width, keep_end=True), name_width)
    state = line(" ", (pad(gauge.state.value, _STATE_WIDTH - 1), role))
    return line(
        f" {shown_name} ",
        *merge(cells, roles),
        (pad(value, _VALUE_WIDTH, right=True), role),
        *(state if has_state else _sign(gauge)),
    )


def _sign(gauge: GaugeView) -> Line:
    """Return the state as a sign, where its word has no room."""
    signs = {
        RatioState.LOW: "↓",
        RatioState.HIGH: "↑",
        RatioState.DEAD: "✗",
        RatioState.NO_GRADIENT: "∅",
    }
    return line((signs.get(gauge.state, " "), _ROLES[gauge.state]))
