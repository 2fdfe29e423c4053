"""A quantity over the last while as bars, a few rows high, on a scale that stays."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from tuitrain.model import Series
from tuitrain.tui.glyphs import SPARKS
from tuitrain.tui.lines import Line, merge

WINDOWS_S: Final = (120, 600, 3600)
"""Lengths of what is shown; the shortest that holds all there is, or the longest."""


def window_s(series: Sequence[Series], now_s: float) -> int:
    """Return how long a while to show, the same for all of `series`."""
    begins = [float(s.iterations[0]) for s in series if len(s)]
    age_s = now_s - min(begins, default=now_s)
    return next((length for length in WINDOWS_S if length >= age_s), WINDOWS_S[-1])


def held_columns(
    series: Series, now_s: float, length_s: float, count: int
) -> list[float]:
    """Return the highest value in each of `count` columns, the last one ending now.

    A value holds until the next; NaN: there was none yet, or no answer.
    """
    bounds = np.linspace(now_s - length_s, now_s, count + 1)
    bounds[-1] += 1.0  # this very second is shown, too
    highest = series.columns_between(bounds).high
    columns = []
    for column in range(count):
        before = series.at(math.ceil(bounds[column + 1]) - 1)
        held = math.nan if before is None else before[1]
        high = float(highest[column])
        columns.append(high if math.isfinite(high) else held)
    return columns


def bar_rows(values: Sequence[float], top: float, height: int) -> list[Line]:
    """Return bars from 0 to `top`, `height` rows high; a column without value is bare."""
    steps = len(SPARKS)
    rows = []
    for row in range(height - 1, -1, -1):
        cells = []
        for value in values:
            share = min(1.0, max(0.0, value / top)) if math.isfinite(value) else 0.0
            # Something too little to be drawn is not nothing.
            filled = max(1 if value > 0 else 0, round(share * height * steps))
            level = min(steps, filled - row * steps)
            cells.append(SPARKS[level - 1] if level > 0 else " ")
        rows.append(merge(cells, ["accent"] * len(cells)))
    return rows
