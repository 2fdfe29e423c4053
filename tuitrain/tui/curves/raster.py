"""Series to cells: columns of extents become dots by numpy, and dots characters.

Every cell holds 2 × 4 dots in braille, 2 × 2 in blocks, one in ASCII. A curve arrives reduced to one
column a dot, so the cost does not depend on how many points were measured.
"""

from collections.abc import Sequence
from functools import reduce

import msgspec
import numpy as np
from numpy.typing import NDArray

from tuitrain.model import ColumnExtents
from tuitrain.tui.curves.axis import LARGEST, SMALLEST_LOG, Axis
from tuitrain.tui.lens import GlyphSet

_ASCII_MARKS = np.array([ord(mark) for mark in "*+#%@&=~"], dtype=np.uint32)
"""One mark a curve, where all curves would look alike without colour."""
_ASCII_FAINT = ord(".")
_SPACE = 0x20
_BETWEEN = 2
"""Empty columns between curves that are worked out together."""
_FARTHEST = 1e9
"""Rows from the box; what lies farther away is drawn as if it lay there."""


class Resolution(msgspec.Struct, frozen=True, eq=False):
    """Dots in one cell, and the characters that show them."""

    bits: NDArray[np.uint8]
    """Bit of each dot, shape (rows, columns) of a cell."""
    characters: NDArray[np.uint32]
    """Code of the character for each sum of bits."""

    @property
    def across(self) -> int:
        """Dots across a cell."""
        return int(self.bits.shape[1])

    @property
    def down(self) -> int:
        """Dots down a cell."""
        return int(self.bits.shape[0])


def _resolution(bits: list[list[int]], characters: str) -> Resolution:
    codes = np.array([ord(character) for character in characters], dtype=np.uint32)
    return Resolution(np.array(bits, dtype=np.uint8), codes)


BRAILLE = _resolution(
    [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]],
    " " + "".join(chr(0x2800 + bits) for bits in range(1, 256)),
)
BLOCK = _resolution([[1, 2], [4, 8]], " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█")
ASCII = _resolution([[1]], " *")

RESOLUTIONS = {
    GlyphSet.BRAILLE: BRAILLE,
    GlyphSet.BLOCK: BLOCK,
    GlyphSet.ASCII: ASCII,
}


Dots = NDArray[np.bool_]
"""Which dots each curve passes through, shape (curves, rows, columns) of a canvas."""


class Canvas:
    """A box of cells in which curves are drawn one over the other."""

    def __init__(self, width: int, height: int, resolution: Resolution) -> None:
        """Return an empty canvas of `width` × `height` cells."""
        self.width, self.height = width, height
        self.resolution = resolution
        self.dots = np.zeros((height, width), dtype=np.uint8)
        """Bits set in each cell."""
        self.owner = np.full((height, width), -1, dtype=np.int16)
        """Curve drawn last in each cell; -1: none."""

    @property
    def columns(self) -> int:
        """Dots across."""
        return self.width * self.resolution.across

    @property
    def rows(self) -> int:
        """Dots down."""
        return self.height * self.resolution.down

    def draw(self, dots: Dots, first: int = 0) -> None:
        """Set dots of curves.

        A cell that several curves pass through belongs to the last of them.

        Args:
            dots: Of each of up to 255 curves, shape (curves, rows, columns).
            first: Number of the first of these curves among all that are drawn.
        """
        # 0: no curve. Products and maxima of small numbers take a fraction of the time
        # that assigning where a curve passes would take.
        numbers = np.arange(1, len(dots) + 1, dtype=np.uint8)[:, np.newaxis, np.newaxis]
        drawn = (dots.view(np.uint8) * numbers).max(axis=0, initial=0)
        # Cells side by side are worked out together, dot by dot across and then down.
        bits = self.resolution.bits
        across = range(self.resolution.across)
        rows = (self.height, self.resolution.down, self.width)
        is_set = (drawn > 0).view(np.uint8)
        weighted = [
            is_set[:, dot :: len(across)].reshape(rows) * bits[:, dot, np.newaxis]
            for dot in across
        ]
        self.dots |= np.add.reduce(sum(weighted), axis=1, dtype=np.uint8)
        beside = [drawn[:, dot :: len(across)] for dot in across]
        last = reduce(np.maximum, beside).reshape(rows).max(axis=1)
        np.copyto(self.owner, last + np.int16(first - 1), where=last > 0)

    def codes(self, *, is_faint: bool = False) -> NDArray[np.uint32]:
        """Return the character code of every cell, shape (height, width).

        Args:
            is_faint: Whether ASCII shows every curve as dots; other characters are
                thinned out by `thin`.
        """
        if self.resolution is not ASCII:
            return self.resolution.characters[self.dots]
        marks = _ASCII_MARKS[self.owner % len(_ASCII_MARKS)]
        return np.where(
            self.dots > 0, np.uint32(_ASCII_FAINT) if is_faint else marks, _SPACE
        ).astype(np.uint32)


def thin(dots: Dots, resolution: Resolution) -> Dots:
    """Return every second dot, as on a chessboard; all where a cell has only one."""
    if resolution is ASCII:
        return dots
    rows, columns = np.ogrid[: dots.shape[1], : dots.shape[2]]
    kept: Dots = dots & ((rows + columns) % 2 == 0)
    return kept


def to_rows(values: NDArray[np.float64], axis: Axis, rows: int) -> NDArray[np.float64]:
    """Return the row of each value, counted from the top, not rounded; NaN stays NaN.

    The ends of the axis lie in the middle of the outermost cells, as plotext puts its
    ticks. Values without a logarithm become NaN on a log axis.
    """
    values = _within(values, LARGEST)
    if axis.is_log:
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.where(values >= SMALLEST_LOG, np.log10(values), np.nan)
    # Divided first: the difference of two very large values overflows.
    share = (values / axis.span) - (axis.low / axis.span)
    return _within((1.0 - share) * (rows - 1), _FARTHEST)


def _within(values: NDArray[np.float64], limit: float) -> NDArray[np.float64]:
    # What `np.clip` does, in a fraction of its time for as few values as columns.
    return np.minimum(np.maximum(values, -limit), limit)


def strokes(curves: Sequence[ColumnExtents | None], axis: Axis, canvas: Canvas) -> Dots:
    """Return the dots of curves: a stroke a column, joined to the one before.

    None stands for a curve without dots.

    Columns in which something was not finite end a line; so do values that a log axis
    can't show. All curves are worked out in one go: they lie side by side, as if they
    were one, with columns between them that nothing is joined over.
    """
    margin = (canvas.resolution.down - 1) / 2
    rows = canvas.rows - 2 * margin
    wide = canvas.columns + _BETWEEN
    sides = np.full((3, len(curves), wide), np.nan)
    broken = np.ones((len(curves), wide), dtype=np.bool_)
    for index, curve in enumerate(curves):
        if curve is None:
            continue
        columns = len(curve.high)
        sides[:, index, :columns] = curve.high, curve.low, curve.last
        broken[index, :columns] = curve.broken
    sides = np.rint(to_rows(sides.reshape(3, -1), axis, int(rows)) + margin)
    x = (~np.isnan(sides[0])).nonzero()[0]
    top, bottom, last = sides[:, x]
    bottom = np.where(np.isnan(bottom), canvas.rows, bottom)
    last = np.where(np.isnan(last), bottom, last)
    _join(broken.ravel(), x, top, bottom, last)
    dots = _fill(x, top, bottom, (len(curves), wide), canvas.rows)
    at, y = _bridges(broken.ravel(), x, top, bottom, last)
    if len(at):
        inside = (y >= 0) & (y < canvas.rows)
        owner, at = np.divmod(at[inside], wide)
        dots[owner, y[inside], at] = True
    return dots[:, :, : canvas.columns]


def _join(
    broken: NDArray[np.bool_],
    x: NDArray[np.int64],
    top: NDArray[np.float64],
    bottom: NDArray[np.float64],
    last: NDArray[np.float64],
) -> None:
    """Lengthen each stroke to within a dot of where its left neighbour ended."""
    joined = (np.diff(x) == 1) & ~broken[x[1:]] & ~broken[x[:-1]]
    before = last[:-1]
    top[1:] = np.where(joined & (before < top[1:] - 1), before + 1, top[1:])
    bottom[1:] = np.where(joined & (before > bottom[1:] + 1), before - 1, bottom[1:])


def _fill(
    x: NDArray[np.int64],
    top: NDArray[np.float64],
    bottom: NDArray[np.float64],
    shape: tuple[int, int],
    rows: int,
) -> Dots:
    """Return the dots between the top and the bottom of each stroke.

    Every dot is compared: for small numbers side by side, that takes a fraction of the
    time in which those of each stroke could be counted off.
    """
    ends = np.empty((2, shape[0] * shape[1]), dtype=np.int16)
    ends[0], ends[1] = rows, -1
    ends[:, x] = _within(np.array((top, bottom)), rows)
    first, last = ends.reshape(2, shape[0], 1, shape[1])
    row = np.arange(rows, dtype=np.int16)[:, np.newaxis]
    dots: Dots = row >= first
    dots &= row <= last
    return dots


def _bridges(
    broken: NDArray[np.bool_],
    x: NDArray[np.int64],
    top: NDArray[np.float64],
    bottom: NDArray[np.float64],
    last: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the dots of straight lines over empty columns, where points are sparse."""
    gap = (x[1:] - x[:-1] > 1).nonzero()[0]
    if not len(gap):
        return gap, gap
    cumulated = np.cumsum(broken, dtype=np.int64)
    inside: NDArray[np.int64] = cumulated[x[gap + 1]] - cumulated[x[gap]]
    gap = gap[(inside == 0) & ~broken[x[gap]]]
    xs, ys = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for index in gap.tolist():
        start, end = int(x[index]), int(x[index + 1])
        y0 = last[index]
        y1 = (top[index + 1] + bottom[index + 1]) / 2
        steps = int(max(end - start, min(abs(y1 - y0), 1e4))) + 1
        share = np.linspace(0.0, 1.0, steps)
        xs.append(np.rint(start + share * (end - start)).astype(np.int64))
        ys.append(np.rint(y0 + share * (y1 - y0)).astype(np.int64))
    return np.concatenate(xs), np.concatenate(ys)
