"""What every curve says at the cursor, in as much detail as there is room for."""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from tuitrain.tui.curves.curve import Curve
from tuitrain.tui.glyphs import CURSOR_LINE, VALIDATION
from tuitrain.tui.lines import Line, Span, fit, line, width_of
from tuitrain.units import format_duration, format_number

_DETAILS: Final = ("epoch", "iteration", "value")
"""From the most detail to the least."""


class Reading(msgspec.Struct, frozen=True):
    """The newest value of one curve up to the cursor."""

    curve: Curve
    iteration: int
    value: float
    mean: float | None
    """The moving mean there; None: none is drawn."""


def read_at(curves: Sequence[Curve], x: float, span: int) -> list[Reading]:
    """Return what there is at or before a place on the x axis, training first."""
    readings = []
    for curve in sorted(curves, key=lambda c: (c.letter, c.is_validation)):
        # A cursor that stands on a point by rounding alone reads that point.
        at = float(curve.scale.to_iterations(np.array([x]))[0]) + 1e-6
        point = curve.series.at(at)
        if point is None:
            continue
        mean = None
        if span and not curve.has_few_points:
            bounds = np.array([float(point[0]), point[0] + 1.0])
            mean = float(curve.series.means(bounds, span)[0])
        readings.append(Reading(curve, *point, mean))
    return readings


def readout_rows(
    readings: Sequence[Reading], place: str, width: int, most: int
) -> list[Line]:
    """Return the rows below a plot while there is a cursor.

    Args:
        readings: What was read.
        place: Where the cursor is, in words.
        width: Cells of a row.
        most: Rows there is room for, ≥ 1.
    """
    head: Line = line((f"{CURSOR_LINE} {place}", "strong"))
    rows: list[Line] = [head]
    for detail in _DETAILS:
        entries = [_entry(reading, detail) for reading in readings]
        rows = _packed([head, *entries], width)
        if len(rows) <= most:
            break
    return [fit(row, width) for row in rows[:most]]


def describe_place(x: float, curve: Curve | None) -> str:
    """Return iteration, epoch and time at the cursor, as far as they are known.

    Args:
        x: Place on the x axis.
        curve: The chosen trial's; None: only its place on the axis is known.
    """
    if curve is None:
        return f"{x:g}"
    iteration = float(curve.scale.to_iterations(np.array([x]))[0])
    newest = float(curve.series.last_iteration or 0)
    iteration = min(max(iteration, 0.0), newest)
    parts = [f"it {iteration:.0f}"]
    if curve.per_epoch:
        parts.append(f"epoch {iteration / curve.per_epoch:.2f}")
    return " · ".join(parts)


def describe_time(x_s: float) -> str:
    """Return a place on a time axis."""
    return f"{x_s:.1f} s" if x_s < 60 else format_duration(x_s)


def _entry(reading: Reading, detail: str) -> Line:
    curve = reading.curve
    sign = VALIDATION if curve.is_validation else ""
    parts: list[Span] = [
        (f"{curve.letter}{sign} ", curve.role),
        (format_number(reading.value), "strong"),
    ]
    if reading.mean is not None:
        parts.append((f" ≈{format_number(reading.mean)}", ""))
    if detail != "value":
        parts.append((f" it {reading.iteration}", "muted"))
    if detail == "epoch" and curve.per_epoch:
        parts.append((f" e{reading.iteration / curve.per_epoch:.2f}", "muted"))
    return line(*parts)


def _packed(entries: Sequence[Line], width: int) -> list[Line]:
    """Return entries side by side, as many in a row as fit."""
    rows: list[Line] = []
    for entry in entries:
        if rows and width_of(rows[-1]) + 2 + width_of(entry) <= width:
            rows[-1] = (*rows[-1], ("  ", ""), *entry)
        else:
            rows.append(entry)
    return rows
