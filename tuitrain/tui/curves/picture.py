"""What a plot shows, and how it becomes lines: pure, apart from plotext's frame."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tuitrain.model import ColumnExtents, Series
from tuitrain.tui.curves.axis import LARGEST, Axis, count_axis, linear_axis, log_axis
from tuitrain.tui.curves.frame import draw_frame
from tuitrain.tui.curves.raster import (
    ASCII,
    BRAILLE,
    Canvas,
    Resolution,
    strokes,
    to_rows,
)
from tuitrain.tui.curves.sheet import Sheet
from tuitrain.tui.glyphs import BROKEN, CUT, VALIDATION_POINT
from tuitrain.tui.lines import BLANK, Line, line, wrap
from tuitrain.units import format_number

_USUAL = 0.95
_SPIKE_REACH = 4.0
"""Columns that reach this many times beyond what 95 % of them do are cut off, with
their value written where they leave the plot."""

FEW_POINTS = 40
"""Up to this many points of a validation curve get a sign each."""


@dataclass(frozen=True)
class Curve:
    """One series to be drawn."""

    letter: str
    """Stands at the curve's end, so that colour is not the only sign; may be empty."""
    role: str
    series: Series
    per_iteration: float = 1.0
    """Units of the x axis in one iteration; 1/iterations-per-epoch to count epochs."""
    is_validation: bool = False
    """Drawn dotted, with a sign at each point."""


@dataclass(frozen=True)
class Picture:
    """All that one plot shows."""

    curves: tuple[Curve, ...] = ()
    log_y: bool = False
    empty: str = "no points yet"
    """What is said when there is nothing to draw."""
    legend: Line = BLANK
    """Stands in a right corner of the box."""
    falls: bool = True
    """Whether curves run downwards, which leaves the upper right corner free."""


@dataclass(frozen=True)
class _Placed:
    """A curve reduced to the columns of its canvas."""

    curve: Curve
    extents: ColumnExtents


def compose_picture(
    picture: Picture, width: int, height: int, kept: Axis | None, *, ascii_only: bool
) -> tuple[list[Line], Axis | None]:
    """Return the rows of a plot, and its y axis for the next time.

    Args:
        picture: What to show.
        width: Cells across, ticks included.
        height: Rows.
        kept: The y axis of the last time; it stays while it fits well.
        ascii_only: Whether braille can't be written.
    """
    curves = [curve for curve in picture.curves if len(curve.series)]
    if not curves:
        return _say(picture.empty, width, height), kept
    resolution = ASCII if ascii_only else BRAILLE
    x_axis = count_axis(_end_of(curves), max(2, width // 12))
    # The frame's width decides the columns, its ticks decide the frame's width, and
    # they depend on the data: the whole width is fine enough to find them.
    rough = [_reduce(curve, x_axis, max(2, width), ASCII) for curve in curves]
    y_axis = _find_y_axis(rough, picture.log_y, max(2, height // 3), kept)
    if y_axis is None:
        return _say(_why_empty(picture), width, height), kept
    frame = draw_frame(width, height, x_axis, y_axis)
    sheet = Sheet(frame)
    canvas = Canvas(frame.width, frame.height, resolution)
    placed = [
        _Placed(curve, _reduce(curve, x_axis, frame.width, resolution))
        for curve in curves
    ]
    for index, part in enumerate(placed):
        _draw(canvas, part, y_axis, index)
    sheet.put_canvas(canvas, [curve.role for curve in curves])
    for part in placed:
        _mark(sheet, part, y_axis, x_axis, resolution)
    sheet.put_corner(picture.legend, at_top=picture.falls)
    if frame.problem:
        sheet.put_text(0, 0, frame.problem, "warn")
    return sheet.to_lines(), y_axis


def _end_of(curves: Sequence[Curve]) -> float:
    return max((c.series.last_iteration or 0) * c.per_iteration for c in curves)


def _reduce(
    curve: Curve, x_axis: Axis, cells: int, resolution: Resolution
) -> ColumnExtents:
    # Half a cell more on both sides: ticks stand in the middle of their cells.
    half = x_axis.span / max(1, cells - 1) / 2
    return curve.series.columns(
        (x_axis.low - half) / curve.per_iteration,
        (x_axis.high + half) / curve.per_iteration,
        cells * resolution.across,
    )


def _find_y_axis(
    extents: Sequence[ColumnExtents],
    log_y: bool,  # noqa: FBT001
    count: int,
    kept: Axis | None,
) -> Axis | None:
    seen = np.concatenate([part for e in extents for part in (e.low, e.high)])
    seen = seen[np.isfinite(seen)]
    if log_y:
        seen = seen[seen > 0]
    if not len(seen):
        return None
    if log_y:
        return log_axis(float(seen.min()), float(seen.max()), count, kept)
    return linear_axis(float(seen.min()), _usual_top(seen), count, kept)


def _usual_top(seen: NDArray[np.float64]) -> float:
    """Return the largest value, or a lower one when a few spikes hide all the rest."""
    low, usual, top = np.quantile(np.clip(seen, -LARGEST, LARGEST), [0, _USUAL, 1])
    reach = _SPIKE_REACH * (usual - low)
    return float(usual + reach / 2 if 0 < reach < top - low else top)


def _draw(canvas: Canvas, part: _Placed, y_axis: Axis, owner: int) -> None:
    x, y = strokes(part.extents, y_axis, canvas)
    if part.curve.is_validation:
        across = canvas.resolution.across
        dotted = (x // across) % 2 == 0
        x, y = x[dotted], y[dotted]
    canvas.draw(x, y, owner)


def _mark(
    sheet: Sheet, part: _Placed, y_axis: Axis, x_axis: Axis, resolution: Resolution
) -> None:
    """Put the signs of one curve on top: points, its letter, where it broke."""
    curve, extents = part.curve, part.extents
    width, height = sheet.frame.width, sheet.frame.height
    if curve.is_validation and len(curve.series) <= FEW_POINTS:
        values = curve.series.values
        position = curve.series.iterations * curve.per_iteration
        x = np.rint((position - x_axis.low) / x_axis.span * (width - 1))
        y = np.rint(to_rows(values, y_axis, height))
        shown = np.isfinite(y) & (x >= 0) & (x < width) & (y >= 0) & (y < height)
        sheet.put_points(
            x[shown].astype(np.int64),
            y[shown].astype(np.int64),
            VALIDATION_POINT,
            curve.role,
        )
    _mark_cut(sheet, part, y_axis, resolution)
    broken = np.flatnonzero(extents.broken)
    if len(broken):
        _mark_break(sheet, curve, int(broken[0]) // resolution.across)
    if not curve.is_validation:
        _put_letter(sheet, curve, extents.last, y_axis, resolution)


def _mark_cut(
    sheet: Sheet, part: _Placed, y_axis: Axis, resolution: Resolution
) -> None:
    """Write the value of a spike that leaves the plot at its top."""
    if y_axis.is_log or not np.isfinite(part.extents.high).any():
        return
    at = int(np.nanargmax(part.extents.high))
    value = float(part.extents.high[at])
    if value <= y_axis.high + 1e-9 * y_axis.span:
        return
    text = f"{CUT}{format_number(value, 3)}"
    x = max(0, min(at // resolution.across + 1, sheet.frame.width - len(text)))
    row = next((y for y in range(sheet.frame.height) if sheet.is_free(x + 1, y)), 0)
    sheet.put_text(x, row, text, part.curve.role)


def _mark_break(sheet: Sheet, curve: Curve, x: int) -> None:
    values = curve.series.values
    first = float(values[np.flatnonzero(~np.isfinite(values))[0]])
    word = "NaN" if first != first else "Inf"
    text = f"{BROKEN}{curve.letter} {word}"
    x = max(0, min(x, sheet.frame.width - len(text)))
    row = next(
        (y for y in range(sheet.frame.height) if sheet.is_free(x + 1, y)),
        0,
    )
    sheet.put_text(x, row, text, "bad")


def _put_letter(
    sheet: Sheet,
    curve: Curve,
    last: NDArray[np.float64],
    y_axis: Axis,
    resolution: Resolution,
) -> None:
    rows = to_rows(last, y_axis, sheet.frame.height)
    seen = np.flatnonzero(np.isfinite(rows))
    if not len(seen):
        return
    x = min(int(seen[-1]) // resolution.across + 1, sheet.frame.width - 1)
    y = int(np.clip(np.rint(rows[seen[-1]]), 0, sheet.frame.height - 1))
    for place in (y, y - 1, y + 1, y - 2, y + 2):
        if sheet.is_free(x, place):
            sheet.put_text(x, place, curve.letter, curve.role)
            return


def _why_empty(picture: Picture) -> str:
    values = [c.series.values for c in picture.curves]
    if not any(np.isfinite(v).any() for v in values):
        return f"{BROKEN} every value so far is NaN or infinite"
    return "no value above 0 to show on a log axis (y goes back)"


def _say(text: str, width: int, height: int) -> list[Line]:
    rows = wrap(text, max(8, width - 2), "muted")
    above = max(0, (height - len(rows)) // 2)
    centred = [
        line(" " * max(0, (width - sum(len(t) for t, _ in row)) // 2), *row)
        for row in rows
    ]
    return [BLANK] * above + centred
