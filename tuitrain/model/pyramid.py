"""Extremes of a column that only grows, kept at every scale.

Level 0 is the column itself; an item of the next level sums up `FANOUT` items of the one
below. Only whole groups are summed up, so an item once written never changes: a window
on the first rows may go on using it however far the column grows, in another thread too.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

FANOUT: Final = 64
"""Items that one item of the next level sums up: fewer mean more levels to visit, more
mean longer groups to read at both ends of a range."""

_Rows = NDArray[np.int64]
_Numbers = NDArray[np.float64]
_Flags = NDArray[np.bool_]


@dataclass
class _Items:
    """Summaries of groups of rows, all arrays of shape (items,)."""

    low: _Numbers
    """Smallest finite value; infinity: there is none."""
    high: _Numbers
    """Largest finite value; minus infinity: there is none."""
    last: _Rows
    """Row of the last finite value; -1: there is none."""
    broken: _Flags
    """Whether there is a NaN or an infinity."""

    def take(self, at: _Rows | slice) -> "_Items":
        """Return the items `at` these places."""
        return _Items(self.low[at], self.high[at], self.last[at], self.broken[at])

    def put(self, at: _Rows | slice, items: "_Items") -> None:
        """Overwrite the items `at` these places."""
        self.low[at], self.high[at] = items.low, items.high
        self.last[at], self.broken[at] = items.last, items.broken

    def merged(self, other: "_Items") -> "_Items":
        """Return what sums up both, item by item."""
        return _Items(
            np.minimum(self.low, other.low),
            np.maximum(self.high, other.high),
            np.maximum(self.last, other.last),
            self.broken | other.broken,
        )

    def grouped(self, begins: _Rows) -> "_Items":
        """Return one item for each run of items that begins at `begins`."""
        return _Items(
            np.minimum.reduceat(self.low, begins),
            np.maximum.reduceat(self.high, begins),
            np.maximum.reduceat(self.last, begins),
            np.logical_or.reduceat(self.broken, begins),
        )


def _nothing(count: int) -> _Items:
    return _Items(
        np.full(count, np.inf),
        np.full(count, -np.inf),
        np.full(count, -1, dtype=np.int64),
        np.zeros(count, dtype=np.bool_),
    )


def _of_rows(values: _Numbers, rows: _Rows) -> _Items:
    """Return each value as an item of its own."""
    finite = np.isfinite(values)
    if finite.all():
        return _Items(values, values, rows, ~finite)
    return _Items(
        np.where(finite, values, np.inf),
        np.where(finite, values, -np.inf),
        np.where(finite, rows, -1),
        ~finite,
    )


class _Level:
    """Items that only grow in number; the arrays have room to spare."""

    def __init__(self) -> None:
        self.length = 0
        self.items = _nothing(0)

    def append(self, items: _Items) -> None:
        grown = self.length + len(items.low)
        if grown > len(self.items.low):
            # New arrays, never resized ones: a reader may hold the old ones.
            roomy = _nothing(2 * grown)
            roomy.put(slice(self.length), self.items.take(slice(self.length)))
            self.items = roomy
        self.items.put(slice(self.length, grown), items)
        self.length = grown


class Pyramid:
    """The levels above one column."""

    def __init__(self) -> None:
        self._levels: list[_Level] = []

    def extend(self, values: _Numbers) -> None:
        """Sum up what is new in `values`, the column as far as it is written."""
        length = len(values)
        depth = 0
        while (groups := length // FANOUT) and groups > self._length(depth):
            done = self._length(depth)
            span = slice(done * FANOUT, groups * FANOUT)
            if depth == 0:
                rows = np.arange(span.start, span.stop)
                items = _of_rows(values[span], rows)
            else:
                items = self._levels[depth - 1].items.take(span)
            begins = np.arange(0, span.stop - span.start, FANOUT)
            if depth == len(self._levels):
                self._levels.append(_Level())
            self._levels[depth].append(items.grouped(begins))
            length, depth = groups, depth + 1

    def copy(self, rows: int) -> "Pyramid":
        """Return a pyramid of its own over the first `rows` rows."""
        copied = Pyramid()
        for level in self._levels:
            rows //= FANOUT
            if not rows:
                break
            own = _Level()
            own.append(level.items.take(slice(rows)))
            copied._levels.append(own)
        return copied

    def extremes(
        self, values: _Numbers, edges: _Rows
    ) -> tuple[_Numbers, _Numbers, _Rows, _Flags]:
        """Sum up the rows between each pair of neighbouring edges.

        Args:
            values: The column, at least as far as the last edge, shape (rows,).
            edges: Rows in order, shape (ranges + 1,).

        Returns:
            Of each range, shape (ranges,): the lowest finite value (infinity: none), the
            highest (minus infinity), the row of the last (-1), and whether a value in it
            is not finite.
        """
        first, end = edges[:-1], edges[1:]
        found = _nothing(len(first))
        depth = 0
        while True:
            # Whole groups are left to the next level; what is at both ends is read here.
            up, down = -(-first // FANOUT), end // FANOUT
            inner = up < down
            starts = np.stack((first, np.where(inner, down * FANOUT, end)), axis=1)
            ends = np.stack((np.where(inner, up * FANOUT, end), end), axis=1)
            rows, begins, filled = _gather(starts, ends)
            if len(filled):
                items = (
                    self._levels[depth - 1].items.take(rows)
                    if depth
                    else _of_rows(values[rows], rows)
                )
                here = items.grouped(begins)
                found.put(filled, found.take(filled).merged(here))
            if not inner.any():
                return found.low, found.high, found.last, found.broken
            first, end = np.where(inner, up, 0), np.where(inner, down, 0)
            depth += 1

    def _length(self, depth: int) -> int:
        return self._levels[depth].length if depth < len(self._levels) else 0


def _gather(starts: _Rows, ends: _Rows) -> tuple[_Rows, _Rows, _Rows]:
    """Return the places of all spans in a row, where each range begins among them, and which.

    Args:
        starts: First place of each span, shape (ranges, spans).
        ends: Place after the last of each span, shape (ranges, spans).
    """
    lengths = ends - starts
    offsets = np.cumsum(lengths.ravel()) - lengths.ravel()
    shifts = np.repeat(starts.ravel() - offsets, lengths.ravel())
    sizes = lengths.sum(axis=1)
    filled = np.flatnonzero(sizes)
    begins = (np.cumsum(sizes) - sizes)[filled]
    return shifts + np.arange(len(shifts)), begins, filled
