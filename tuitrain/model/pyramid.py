"""Extremes and sums of a column that only grows, kept at every scale.

Level 0 is the column itself; an item of the next level sums up `FANOUT` items of the one
below. Only whole groups are summed up, so an item once written never changes: a pyramid
shares its items with the longer ones made of it, and two threads that sum up the same
rows write the same.
"""

import itertools
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

FANOUT: Final = 64
"""Items that one item of the next level sums up: fewer mean more levels to visit, more
mean longer groups to read at both ends of a range."""

_FEW: Final = 4
"""Ranges that are worked out one by one."""

LARGEST_SUMMED: Final = 1e299
"""Values beyond count as this in a sum, so that no sum of fewer than 1e9 overflows."""

_Rows = NDArray[np.int64]
_Numbers = NDArray[np.float64]
_Array = NDArray[Any]


class Extremes(msgspec.Struct, frozen=True):
    """What lies in each of some ranges of rows, all of shape (ranges,)."""

    low: _Numbers
    """Smallest finite value; infinity: there is none."""
    high: _Numbers
    """Largest finite value; minus infinity: there is none."""
    last: _Rows
    """Row of the last finite value; -1: there is none."""
    broken: NDArray[np.bool_]
    """Whether there is a NaN or an infinity."""


class _Kind(msgspec.Struct, frozen=True):
    """One of the things an item knows."""

    merge: np.ufunc
    nothing: float
    """What leaves the other one as it is when merged with it."""
    type: type[np.generic]


_KINDS: Final = (
    _Kind(np.minimum, np.inf, np.float64),
    _Kind(np.maximum, -np.inf, np.float64),
    _Kind(np.maximum, -1, np.int64),
    _Kind(np.logical_or, 0, np.bool_),
    _Kind(np.add, 0, np.float64),
    _Kind(np.add, 0, np.int64),
)

_Picks = tuple[int, ...]
"""Places in `_KINDS`."""

_ALL: Final[_Picks] = (0, 1, 2, 3, 4, 5)
_EXTREMES: Final[_Picks] = (0, 1, 2, 3)
_BOUNDS: Final[_Picks] = (0, 1)
_SUMS: Final[_Picks] = (4, 5)


def _nothing(picks: _Picks, count: int) -> list[_Array]:
    return [
        np.full(count, _KINDS[pick].nothing, dtype=_KINDS[pick].type) for pick in picks
    ]


def _of_rows(values: _Numbers, rows: _Rows, picks: _Picks) -> list[_Array]:
    """Return each value as an item of its own."""
    finite = np.isfinite(values)
    summed = np.clip(values, -LARGEST_SUMMED, LARGEST_SUMMED)
    items = (
        np.where(finite, values, np.inf),
        np.where(finite, values, -np.inf),
        np.where(finite, rows, -1),
        ~finite,
        np.where(finite, summed, 0.0),
        finite.astype(np.int64),
    )
    return [items[pick] for pick in picks]


class _Level(msgspec.Struct, frozen=True):
    """Items; the arrays have room to spare for those of longer levels."""

    length: int
    items: list[_Array]

    def appended(self, items: list[_Array]) -> "_Level":
        grown = self.length + len(items[0])
        arrays = self.items
        if grown > len(arrays[0]):
            # New arrays, never resized ones: a reader may hold the old ones.
            arrays = _nothing(_ALL, 2 * grown)
            for new, old in zip(arrays, self.items, strict=True):
                new[: self.length] = old[: self.length]
        for array, added in zip(arrays, items, strict=True):
            array[self.length : grown] = added
        return _Level(grown, arrays)


_EMPTY_LEVEL: Final = _Level(0, _nothing(_ALL, 0))


class Pyramid:
    """The levels above the first rows of one column; never changes."""

    def __init__(
        self, rows: int = 0, levels: Sequence[_Level] = (), *, is_finite: bool = True
    ) -> None:
        """Return the pyramid above no rows; the arguments are for its own use."""
        self.rows = rows
        """Rows that are summed up."""
        self._levels = levels
        self._is_finite = is_finite

    def extended(self, values: _Numbers) -> "Pyramid":
        """Return a pyramid above more rows of the same column.

        Args:
            values: The column as far as it is written, shape (rows,).
        """
        is_finite = self._is_finite and bool(np.isfinite(values[self.rows :]).all())
        levels = list(self._levels)
        length = len(values)
        for depth in itertools.count():
            groups = length // FANOUT
            before = levels[depth] if depth < len(levels) else _EMPTY_LEVEL
            if groups <= before.length:
                break
            span = slice(before.length * FANOUT, groups * FANOUT)
            if depth:
                items = [array[span] for array in levels[depth - 1].items]
                added = _grouped(_ALL, items, _begins(span))
            else:
                added = _sum_up(values, span)
            levels[depth : depth + 1] = [before.appended(added)]
            length = groups
        return Pyramid(len(values), levels, is_finite=is_finite)

    def copy(self, rows: int) -> "Pyramid":
        """Return a pyramid above at most the first `rows` rows that shares no room."""
        rows = length = min(rows, self.rows)
        levels = []
        for level in self._levels:
            length //= FANOUT
            if not length:
                break
            items = [array[:length] for array in level.items]
            levels.append(_EMPTY_LEVEL.appended(items))
        return Pyramid(rows, levels, is_finite=self._is_finite)

    def extremes(self, values: _Numbers, edges: _Rows) -> Extremes:
        """Sum up the rows between each pair of neighbouring edges.

        Args:
            values: The column, at least as far as the last edge, shape (rows,).
            edges: Rows in order, shape (ranges + 1,).
        """
        if not self._is_finite:
            return Extremes(*self._merge(_EXTREMES, values, edges[:-1], edges[1:]))
        filled = (edges[1:] > edges[:-1]).nonzero()[0]
        if len(filled) <= _FEW:
            low, high = self._bounds_of_few(values, edges, filled)
        else:
            low, high = self._merge(_BOUNDS, values, edges[:-1], edges[1:])
        last = np.where(edges[1:] > edges[:-1], edges[1:] - 1, -1)
        return Extremes(low, high, last, np.zeros(len(last), dtype=np.bool_))

    def sums(
        self, values: _Numbers, first: _Rows, end: _Rows
    ) -> tuple[_Numbers, _Rows]:
        """Add up the finite values of some ranges of rows, which may overlap.

        Args:
            values: The column, at least as far as the last end, shape (rows,).
            first: First row of each range, shape (ranges,).
            end: Row after the last of each range, ≥ first, shape (ranges,).

        Returns:
            Sum and number of the finite values of each range, both of shape (ranges,).
        """
        total, count = self._merge(_SUMS, values, first, end)
        return total, count

    def _bounds_of_few(
        self, values: _Numbers, edges: _Rows, filled: _Rows
    ) -> tuple[_Numbers, _Numbers]:
        """Return what `_merge` does of finite values, range by range.

        A curve that grows has one or two new columns a frame: for so few, the many
        calls that work all ranges out at once cost more than the work itself.
        """
        low = np.full(len(edges) - 1, np.inf)
        high = np.full(len(edges) - 1, -np.inf)
        for index in filled.tolist():
            first, end = int(edges[index]), int(edges[index + 1])
            lows = highs = values
            depth = 0
            while first < end:
                up, down = -(-first // FANOUT), end // FANOUT
                has_inner = up < down
                ends = (
                    ((first, up * FANOUT), (down * FANOUT, end))
                    if has_inner
                    else ((first, end),)
                )
                for start, stop in ends:
                    if start < stop:
                        low[index] = min(low[index], lows[start:stop].min())
                        high[index] = max(high[index], highs[start:stop].max())
                if not has_inner:
                    break
                lows, highs = self._levels[depth].items[:2]
                first, end, depth = up, down, depth + 1
        return low, high

    def _merge(
        self, picks: _Picks, values: _Numbers, first: _Rows, end: _Rows
    ) -> list[_Array]:
        found = _nothing(picks, len(first))
        depth = 0
        while True:
            # Whole groups are left to the next level; what is at both ends is read here.
            up, down = -(-first // FANOUT), end // FANOUT
            inner = up < down
            rows, begins, filled = _gather(
                (first, np.where(inner, up * FANOUT, end)),
                (np.where(inner, down * FANOUT, end), end),
            )
            items = self._read(depth, picks, values, rows)
            parts = _grouped(picks, items, begins) if len(filled) else []
            for pick, whole, part in zip(picks, found, parts, strict=False):
                whole[filled] = _KINDS[pick].merge(whole[filled], part)
            if not inner.any():
                return found
            first, end = np.where(inner, up, 0), np.where(inner, down, 0)
            depth += 1

    def _read(
        self, depth: int, picks: _Picks, values: _Numbers, rows: _Rows
    ) -> list[_Array]:
        if depth:
            items = self._levels[depth - 1].items
            return [items[pick].take(rows) for pick in picks]
        if picks == _BOUNDS:
            return [values.take(rows)] * 2
        return _of_rows(values.take(rows), rows, picks)


def _begins(span: slice) -> _Rows:
    """Return where each group begins, counted from the start of `span`."""
    return np.arange(0, span.stop - span.start, FANOUT)


def _sum_up(values: _Numbers, span: slice) -> list[_Array]:
    """Return an item for each group of rows in `span`, which holds whole groups."""
    rows = values[span]
    groups = rows.reshape(-1, FANOUT)
    low, high = groups.min(1), groups.max(1)
    # A NaN is neither.
    if not (low.min() >= -LARGEST_SUMMED and high.max() <= LARGEST_SUMMED):
        items = _of_rows(rows, np.arange(span.start, span.stop), _ALL)
        return _grouped(_ALL, items, _begins(span))
    # As good as always all are plain numbers, and six copies of a column are saved.
    count = len(groups)
    last = np.arange(span.start + FANOUT - 1, span.stop, FANOUT)
    total = np.add.reduceat(rows, _begins(span))
    return [low, high, last, np.zeros(count, bool), total, np.full(count, FANOUT)]


def _grouped(picks: _Picks, items: list[_Array], begins: _Rows) -> list[_Array]:
    """Return one item for each run of items that begins at `begins`."""
    return [
        _KINDS[pick].merge.reduceat(array, begins)
        for pick, array in zip(picks, items, strict=True)
    ]


def _gather(
    before: tuple[_Rows, _Rows], after: tuple[_Rows, _Rows]
) -> tuple[_Rows, _Rows, _Rows]:
    """List what two spans of each range hold, range by range.

    Args:
        before: First place of one span and the place after its last, each of shape
            (ranges,).
        after: The same of the other span.

    Returns:
        All places in a row; where each range that has any begins among them; which
        ranges those are.
    """
    starts = np.column_stack((before[0], after[0])).ravel()
    lengths = np.column_stack((before[1], after[1])).ravel() - starts
    ends = lengths.cumsum()
    places = np.arange(ends[-1]) + (starts - ends + lengths).repeat(lengths)
    sizes = lengths[::2] + lengths[1::2]
    filled = sizes.nonzero()[0]
    return places, (ends[1::2] - sizes)[filled], filled
