"""Series in one row each: last and best value, and the whole curve in small."""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np

from tuitrain.diagnosis import RATIO_PREFIX
from tuitrain.model import Series
from tuitrain.tui.glyphs import BROKEN, SPARKS
from tuitrain.tui.lines import Line, crop, line, merge, pad, plain
from tuitrain.units import format_number

_NAME_WIDTH: Final = 16
_VALUE_WIDTH: Final = 10
_BEST_WIDTH: Final = 18
_LONGEST_SPARK: Final = 48
_UNRANKED: Final = ("lr", "grad_norm", "samples_per_s")
"""Series of which no value is better than another."""


def spark(series: Series, width: int) -> Line:
    """Return a curve one row high; a column with a NaN or an infinity is marked."""
    if not len(series) or width < 1:
        return ()
    iterations = series.iterations
    extents = series.columns(float(iterations[0]), float(iterations[-1]), width)
    values = extents.last
    finite = values[np.isfinite(values)]
    low, high = (
        (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
    )
    # Halved, since the difference of two finite numbers need not be finite.
    spread = high / 2 - low / 2
    cells, roles = [], []
    for value, is_broken in zip(values.tolist(), extents.broken.tolist(), strict=True):
        cells.append(BROKEN if is_broken else _height(value, low, spread))
        roles.append("bad" if is_broken else "accent")
    return merge(cells, roles)


def _height(value: float, low: float, spread: float) -> str:
    if not math.isfinite(value):
        return " "
    share = (value / 2 - low / 2) / spread if spread > 0 else 0.0
    return SPARKS[round(share * (len(SPARKS) - 1))]


def series_rows(
    series: Mapping[str, Series], metric: tuple[str, bool], width: int
) -> list[Line]:
    """Return a heading and a row for each series but the update ratios.

    Args:
        series: Series by name.
        metric: The one that ranks trials, and whether higher is better.
        width: Cells there are.
    """
    room = width - _NAME_WIDTH - _VALUE_WIDTH - _BEST_WIDTH - 4
    heading = pad("last", _VALUE_WIDTH, right=True)
    heading += "  " + pad("best at", _BEST_WIDTH)
    title = pad("series", _NAME_WIDTH + 2)
    rows = [line((title, "title"), (heading, "muted"))]
    for name, measured in series.items():
        if name.startswith(RATIO_PREFIX) or not len(measured):
            continue
        last = pad(format_number(measured.last), _VALUE_WIDTH, right=True)
        best = pad(_best(name, measured, metric), _BEST_WIDTH)
        shown = pad(crop(plain(name), _NAME_WIDTH), _NAME_WIDTH)
        drawn = spark(measured, min(_LONGEST_SPARK, room, len(measured)))
        rows.append(line((f"  {shown}", "muted"), last, (f"  {best}", "muted"), *drawn))
    return rows


def _best(name: str, series: Series, metric: tuple[str, bool]) -> str:
    if name in _UNRANKED:
        return ""
    highest = metric[1] if name == metric[0] else "acc" in name
    found = series.best(highest=highest)
    return f"{format_number(found[1])} at {found[0]}" if found is not None else "none"
