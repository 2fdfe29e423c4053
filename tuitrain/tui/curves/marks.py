"""Signs over and under the curves: what happened, where, and whose curve it is."""

import math

import numpy as np
from numpy.typing import NDArray

from tuitrain.tui.curves.axis import Axis, nice_step
from tuitrain.tui.curves.curve import Curve, Happened, Placed, column_bounds
from tuitrain.tui.curves.raster import Resolution, to_rows
from tuitrain.tui.curves.sheet import Sheet
from tuitrain.tui.glyphs import (
    BEST,
    BROKEN,
    CUT,
    EPOCH_LINE,
    EVENT_LINE,
    FOUND,
    VALIDATION_POINT,
)
from tuitrain.units import format_number, format_power

LR_JUMP = 1.25
"""An LR that changes by this factor from one column to the next gets a mark; one that
drifts, as cosine and warm-up schedules do, is read from its series instead."""

_MOST_BREAKS = 4
"""Gaps of one curve that get a word each."""
_CELLS_BETWEEN = 7
"""Vertical marks of epochs are no closer."""


def cell_of(x: float, x_axis: Axis, width: int) -> int:
    """Return the cell of the box at a place on the x axis; may lie outside."""
    share = min(max((x - x_axis.low) / x_axis.span, -10.0), 10.0)
    return round(share * (width - 1))


def row_of(value: float, y_axis: Axis, height: int) -> int | None:
    """Return the row of the box for a value; None: it lies outside, or nowhere."""
    row = float(np.rint(to_rows(np.array([value]), y_axis, height))[0])
    return int(row) if 0 <= row < height else None


def put_lines(
    sheet: Sheet, happened: Happened, x_axis: Axis, *, with_epochs: bool
) -> None:
    """Draw vertical marks; curves are drawn over them, so this comes first."""
    width = sheet.frame.width
    if with_epochs:
        for x, _ in _epoch_cells(happened, x_axis, width):
            sheet.put_column(x, EPOCH_LINE, "muted")
    for x, _ in _lr_cells(happened, x_axis, width):
        sheet.put_column(x, EVENT_LINE, "accent")
    for x in _found_cells(happened, x_axis, width):
        sheet.put_column(x, EVENT_LINE, "warn")


def put_captions(
    sheet: Sheet,
    happened: Happened,
    x_axis: Axis,
    *,
    with_epochs: bool,
    at_top: bool,
) -> None:
    """Write what vertical marks mean at one of their ends, over the curves."""
    width, height = sheet.frame.width, sheet.frame.height
    outer, inner = (0, 1) if at_top else (height - 1, height - 2)
    if with_epochs:
        for x, epoch in _epoch_cells(happened, x_axis, width):
            sheet.put_text(x, outer, f"e{epoch}", "muted")
    for x, lr in _lr_cells(happened, x_axis, width):
        text = f"lr {format_power(lr)}"
        sheet.put_text(min(x, width - len(text)), outer, text, "accent")
    for x in _found_cells(happened, x_axis, width):
        text = f"{FOUND}{happened.letter}"
        sheet.put_text(min(x, width - len(text)), inner, text, "warn")


def _epoch_cells(happened: Happened, x_axis: Axis, width: int) -> list[tuple[int, int]]:
    """Return cell and number of epochs, so few that their marks can be told apart."""
    if not happened.epochs:
        return []
    x = happened.scale.to_x(np.array(happened.epochs, dtype=np.float64))
    numbers = happened.first_epoch + np.arange(len(x))
    shown = (x >= x_axis.low) & (x <= x_axis.high)
    room = max(1, width // _CELLS_BETWEEN)
    every = max(1, math.ceil(nice_step(max(1, int(shown.sum())), room)))
    shown &= numbers % every == 0
    cells = (cell_of(float(at), x_axis, width) for at in x[shown])
    return list(zip(cells, numbers[shown].tolist(), strict=True))


def _lr_cells(happened: Happened, x_axis: Axis, width: int) -> list[tuple[int, float]]:
    """Return cell and new value of each jump of the LR."""
    if not len(happened.lr):
        return []
    bounds = column_bounds(happened.scale, x_axis, width, width)
    newest = happened.lr.columns_between(bounds).last
    cells = np.flatnonzero(np.isfinite(newest))
    values = newest[cells]
    before, after = values[:-1], values[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.maximum(before / after, after / before)
    jumps = np.flatnonzero(ratio >= LR_JUMP)
    if len(jumps) > width // _CELLS_BETWEEN:
        return []
    return [(int(cells[at + 1]), float(values[at + 1])) for at in jumps]


def _found_cells(happened: Happened, x_axis: Axis, width: int) -> list[int]:
    if not happened.found:
        return []
    x = happened.scale.to_x(np.array(happened.found, dtype=np.float64))
    return [
        cell_of(float(at), x_axis, width) for at in x if x_axis.low <= at <= x_axis.high
    ]


def put_curve_signs(
    sheet: Sheet, part: Placed, y_axis: Axis, x_axis: Axis, resolution: Resolution
) -> None:
    """Put the signs of one curve on top: points, its letter, spikes, where it broke."""
    if part.curve.has_few_points:
        _put_points(sheet, part.curve, y_axis, x_axis)
    _put_cut(sheet, part, y_axis, resolution)
    _put_breaks(sheet, part, resolution)
    if not part.curve.is_validation:
        _put_letter(sheet, part.curve, part.line.last, y_axis, resolution)


def put_best(
    sheet: Sheet, curve: Curve, best: tuple[int, float], y_axis: Axis, x_axis: Axis
) -> None:
    """Put a star at the best value of a curve, if it is in sight."""
    x = float(curve.scale.to_x(np.array([float(best[0])]))[0])
    row = row_of(best[1], y_axis, sheet.frame.height)
    if row is not None and x_axis.low <= x <= x_axis.high:
        cell = cell_of(x, x_axis, sheet.frame.width)
        sheet.put_text(cell, row, BEST, curve.role)


def _put_points(sheet: Sheet, curve: Curve, y_axis: Axis, x_axis: Axis) -> None:
    width, height = sheet.frame.width, sheet.frame.height
    position = curve.scale.to_x(curve.series.iterations.astype(np.float64))
    share = np.clip((position - x_axis.low) / x_axis.span, -10.0, 10.0)
    x = np.rint(share * (width - 1))
    y = np.rint(to_rows(curve.series.values, y_axis, height))
    shown = np.isfinite(y) & (x >= 0) & (x < width) & (y >= 0) & (y < height)
    sheet.put_points(
        x[shown].astype(np.int64),
        y[shown].astype(np.int64),
        VALIDATION_POINT,
        curve.role,
    )


def _put_cut(sheet: Sheet, part: Placed, y_axis: Axis, resolution: Resolution) -> None:
    """Write the value of a spike that leaves the plot at its top."""
    if y_axis.is_log:
        return
    value = float(np.fmax.reduce(part.extents.high))
    if not value > y_axis.high + 1e-9 * y_axis.span:
        return
    at = int(np.nanargmax(part.extents.high))
    text = f"{CUT}{format_number(value, 3)}"
    _put_aside(sheet, at // resolution.across + 1, text, part.curve.role)


def _put_breaks(sheet: Sheet, part: Placed, resolution: Resolution) -> None:
    """Write at each gap which value is there instead of a number."""
    columns = part.extents.broken.nonzero()[0]
    if not len(columns):
        return
    apart = np.diff(columns, prepend=-(10**6)) > _CELLS_BETWEEN * resolution.across
    for column in columns[apart][:_MOST_BREAKS].tolist():
        found = part.curve.series.first_broken(
            float(part.bounds[column]), float(part.bounds[column + 1])
        )
        if found is None:
            continue
        word = "NaN" if math.isnan(found[1]) else "Inf" if found[1] > 0 else "-Inf"
        text = f"{BROKEN}{part.curve.letter} {word}"
        _put_aside(sheet, column // resolution.across, text, "bad")


def _put_aside(sheet: Sheet, x: int, text: str, role: str) -> None:
    """Write a text at column x, in the first row where no letter stands."""
    x = max(0, min(x, sheet.frame.width - len(text)))
    row = next((y for y in range(sheet.frame.height) if sheet.is_free(x + 1, y)), 0)
    sheet.put_text(x, row, text, role)


def _put_letter(
    sheet: Sheet,
    curve: Curve,
    last: NDArray[np.float64],
    y_axis: Axis,
    resolution: Resolution,
) -> None:
    rows = to_rows(last, y_axis, sheet.frame.height)
    seen = np.isfinite(rows).nonzero()[0]
    if not len(seen):
        return
    x = min(int(seen[-1]) // resolution.across + 1, sheet.frame.width - 1)
    y = int(np.clip(np.rint(rows[seen[-1]]), 0, sheet.frame.height - 1))
    for place in (y, y - 1, y + 1, y - 2, y + 2):
        if sheet.is_free(x, place):
            sheet.put_text(x, place, curve.letter, curve.role)
            return
