"""Extremes and sums of a column that only grows, kept at every scale.

Level 0 is the column itself; an item of the next level sums up `FANOUT` items of the one
below. Only whole groups are summed up, so an item once written never changes: a window
on the first rows may go on using it however far the column grows, in another thread too.
"""

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


class _Level:
    """Items that only grow in number; the arrays have room to spare."""

    def __init__(self) -> None:
        self.length = 0
        self.items = _nothing(_ALL, 0)

    def append(self, items: list[_Array]) -> None:
        grown = self.length + len(items[0])
        if grown > len(self.items[0]):
            # New arrays, never resized ones: a reader may hold the old ones.
            roomy = _nothing(_ALL, 2 * grown)
            for new, old in zip(roomy, self.items, strict=True):
                new[: self.length] = old[: self.length]
            self.items = roomy
        for array, added in zip(self.items, items, strict=True):
            array[self.length : grown] = added
        self.length = grown


class Pyramid:
    """The levels above one column."""

    def __init__(self) -> None:
        """Begin above an empty column."""
        self._levels: list[_Level] = []
        self._is_finite = True

    def extend(self, values: _Numbers, before: int) -> None:
        """Sum up what is new in a column.

        Args:
            values: The column as far as it is written, shape (rows,).
            before: Rows it had at the last call.
        """
        if self._is_finite and not np.isfinite(values[before:]).all():
            self._is_finite = False
        length = len(values)
        depth = 0
        while (groups := length // FANOUT) and groups > self._length(depth):
            span = slice(self._length(depth) * FANOUT, groups * FANOUT)
            if depth == len(self._levels):
                self._levels.append(_Level())
            if depth:
                items = [array[span] for array in self._levels[depth - 1].items]
                added = _grouped(_ALL, items, _begins(span))
            else:
                added = _sum_up(values, span)
            self._levels[depth].append(added)
            length, depth = groups, depth + 1

    def copy(self, rows: int) -> "Pyramid":
        """Return a pyramid of its own over the first `rows` rows."""
        copied = Pyramid()
        copied._is_finite = self._is_finite
        for level in self._levels:
            rows //= FANOUT
            if not rows:
                break
            own = _Level()
            own.append([array[:rows] for array in level.items])
            copied._levels.append(own)
        return copied

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

    def _length(self, depth: int) -> int:
        return self._levels[depth].length if depth < len(self._levels) else 0


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
