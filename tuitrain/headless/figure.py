"""Curves as text: plotext draws the frame and the lines of points already reduced.

plotext is never given raw values: it ends the process on a NaN or on a line far off
its scale. It sees places 0..1 within the window only, each curve cut where a value
was not finite.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tuitrain.headless.output import Look
from tuitrain.headless.scale import Scale, find_scale
from tuitrain.model import Series
from tuitrain.units import format_number, sanitize

HEIGHT: Final = 14
"""Rows of one figure, frame and title included."""
CEILING_RATIO: Final = 10.0
"""Ours: a curve above ten times the largest first value has left the scale of the
others, and is drawn along the top."""

_MARGIN_COLUMNS: Final = 12
_COLOURS: Final = ("blue+", "orange+", "green+", "magenta+", "cyan+", "red+")
_GLYPHS: Final = ("braille", "o", "x", "+", "#", "%")
_ASCII_GLYPHS: Final = ("*", "o", "x", "+", "#", "%")
_ASCII_FRAME: Final = str.maketrans("┌┐└┘├┤┬┴┼─│", "+++++++++-|")


@dataclass(frozen=True)
class Curve:
    """One line of a figure."""

    label: str
    series: Series


def draw(
    title: str, curves: Sequence[Curve], look: Look, *, may_be_log: bool = True
) -> list[str]:
    """Return a figure of `curves`, a legend below it.

    Args:
        title: What the values are.
        curves: At most six are drawn; those without a finite value are only named.
        look: Size and glyphs of the output.
        may_be_log: Whether a wide positive range is drawn on a log scale, and a curve
            that explodes may leave the window.
    """
    # A printer writes pictures as they are, and metrics and configurations name them.
    title = sanitize(title)
    curves = [
        Curve(sanitize(curve.label), curve.series)
        for curve in curves
        if len(curve.series)
    ][: len(_GLYPHS)]
    bounds = _bounds(curves)
    if bounds is None:
        return [f"{title}: nothing to draw", *_broken_notes(curves)]
    first, last = _span(curves)
    ceiling = _ceiling(curves) if may_be_log else math.inf
    scale = find_scale(*bounds, ceiling=ceiling, may_be_log=may_be_log)
    width = max(24, min(look.columns, 160))
    name = f"{title} (log)" if scale.is_log else title
    rows = _build(name, curves, (first, last), scale, width, look)
    return [*rows, *_legend(curves, look), *_broken_notes(curves)]


def _build(
    title: str,
    curves: Sequence[Curve],
    span: tuple[int, int],
    scale: Scale,
    width: int,
    look: Look,
) -> list[str]:
    import plotext

    plotext.terminal.limit(False, False)  # noqa: FBT003 - plotext's own signature
    figure = plotext.figure
    figure.clear()
    figure.theme("colorless")  # the default theme paints a white canvas
    figure.canvas("default")
    figure.plot_size(width, HEIGHT)
    figure.title(title)
    count = max(8, width - _MARGIN_COLUMNS)
    glyphs = _ASCII_GLYPHS if look.ascii_only else _GLYPHS
    styled = list(zip(curves, glyphs, _COLOURS, strict=False))
    # Fewest points on top: a validation curve would be buried by its training curve.
    styled.sort(key=lambda entry: len(entry[0].series))
    for curve, glyph, colour in reversed(styled):
        marker = plotext.marker(glyph, colour) if look.has_colour else glyph
        for x, y in _segments(curve.series, span, scale, count):
            figure.draw(figure.signal(x, y, marker=marker).lines())
    _set_ticks(figure, span, scale, count)
    text: str = figure.build().string(not look.has_colour)
    figure.clear()
    if look.ascii_only:
        text = text.translate(_ASCII_FRAME)
    return [row.rstrip() for row in text.rstrip("\n").split("\n")]


def _set_ticks(figure: Any, span: tuple[int, int], scale: Scale, count: int) -> None:  # noqa: ANN401 - plotext is untyped
    first, last = span
    x_scale = Scale(float(first), float(max(last, first + 1)), is_log=False)
    x_places, x_labels = x_scale.ticks(5)
    y_places, y_labels = scale.ticks(4)
    figure.ruler("x").lim(0, count)
    figure.ruler("x").ticks([count * place for place in x_places], x_labels)
    figure.ruler("y").lim(0, 1)
    figure.ruler("y").ticks(y_places, y_labels)
    figure.label("iteration")


def _segments(
    series: Series, span: tuple[int, int], scale: Scale, count: int
) -> list[tuple[list[float], list[float]]]:
    """Return the runs of points between breaks, x in 0..count and y in 0..1."""
    extents = series.columns(span[0], max(span[1], span[0] + 1), count)
    filled = np.flatnonzero(~np.isnan(extents.last))
    if not len(filled):
        return []
    breaks = np.flatnonzero(extents.broken)
    # Columns with the same number of breaks before them belong to one run.
    runs = np.searchsorted(breaks, filled)
    segments = []
    for run in np.unique(runs):
        columns = filled[runs == run]
        values = np.column_stack(
            [extents.low[columns], extents.high[columns], extents.last[columns]]
        ).ravel()
        places = scale.place(values)
        x = np.repeat(columns + 0.5, 3)
        segments.append(_without_repeats(x, places))
    return segments


def _without_repeats(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[list[float], list[float]]:
    keep = np.ones(len(x), dtype=np.bool_)
    keep[1:] = (np.diff(x) != 0) | (np.diff(y) != 0)
    return x[keep].tolist(), y[keep].tolist()


def _bounds(curves: Sequence[Curve]) -> tuple[float, float] | None:
    finite = [v[np.isfinite(v)] for v in (curve.series.values for curve in curves)]
    finite = [values for values in finite if len(values)]
    if not finite:
        return None
    return min(float(v.min()) for v in finite), max(float(v.max()) for v in finite)


def _ceiling(curves: Sequence[Curve]) -> float:
    """Return how far the window may reach up; infinite where nothing says so."""
    firsts = [0.0]
    for curve in curves:
        values = curve.series.values
        finite = values[np.isfinite(values)]
        firsts.extend(finite[:1].tolist())
    return CEILING_RATIO * max(firsts) if max(firsts) > 0 else math.inf


def _span(curves: Sequence[Curve]) -> tuple[int, int]:
    firsts = [int(curve.series.iterations[0]) for curve in curves]
    lasts = [int(curve.series.iterations[-1]) for curve in curves]
    return min(firsts), max(lasts)


def _legend(curves: Sequence[Curve], look: Look) -> list[str]:
    glyphs = ("*" if look.ascii_only else "⢕", *_GLYPHS[1:])
    entries = [
        f"{glyph} {curve.label}" for glyph, curve in zip(glyphs, curves, strict=False)
    ]
    rows, row = [], ""
    for entry in entries:
        if row and len(row) + len(entry) + 5 > look.columns:
            rows.append(row)
            row = ""
        row = f"{row}   {entry}" if row else f"  {entry}"
    return [*rows, row]


def _broken_notes(curves: Sequence[Curve]) -> list[str]:
    notes = []
    for curve in curves:
        values = curve.series.values
        broken = np.flatnonzero(~np.isfinite(values))
        if len(broken):
            at = int(broken[0])
            notes.append(
                f"  {curve.label}: {format_number(float(values[at]))} "
                f"at iteration {int(curve.series.iterations[at])}"
            )
    return notes
