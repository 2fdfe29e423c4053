"""One measured series: a frozen window on columns that only grow."""

import math
import mmap
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from tuitrain.model.pyramid import Pyramid

_FIRST_CAPACITY = 64
_OWN_PAGES_BYTES = 1 << 18
_LAST = 2.0**62
"""No iteration is as late; what is asked beyond means the end."""
_BRANCHES, _SHORT = 64, 4096
"""The best value is looked for in ever shorter parts, until this few rows are left."""
_T = TypeVar("_T", bound=np.generic)


def _roomy(rows: int) -> int:
    """Return for how many rows a column that outgrew its room gets a new one.

    Pages of its own cost nothing until they are written; moving costs all of them.
    """
    return rows * (4 if 8 * rows >= _OWN_PAGES_BYTES else 2)


def _room(capacity: int, kind: type[_T]) -> NDArray[_T]:
    """Return an array whose content does not matter.

    A large one has pages of its own: they cost nothing until they are written, and go
    back to the machine when a column has moved on to a larger one. An allocator keeps
    such holes, a third more memory for a long run.
    """
    size = capacity * np.dtype(kind).itemsize
    if size < _OWN_PAGES_BYTES:
        return np.empty(capacity, dtype=kind)
    # Python's choice would be pages to share with forks, which take longer to get.
    pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return np.frombuffer(pages, dtype=kind)


class Columns:
    """The growing arrays that windows share; rows once written never change."""

    def __init__(self, capacity: int) -> None:
        """Make room for `capacity` rows, of which none is written."""
        self.iterations: NDArray[np.int64] = _room(capacity, np.int64)
        self.values: NDArray[np.float64] = _room(capacity, np.float64)
        self.length = 0
        """Rows that count: they are written before, since another thread may be looking."""
        self._pyramid = Pyramid()

    def __getstate__(self) -> dict[str, object]:
        """Return what goes to another process: the rows, without room for more."""
        rows = {
            "iterations": self.iterations[: self.length],
            "values": self.values[: self.length],
        }
        return {**self.__dict__, **rows}

    @property
    def pyramid(self) -> Pyramid:
        """What sums up all rows; done when it is asked for, which it never is for most."""
        pyramid = self._pyramid
        if pyramid.rows < self.length:
            self._pyramid = pyramid = pyramid.extended(self.values[: self.length])
        return pyramid

    def copy_from(self, other: "Columns", length: int) -> None:
        """Begin with the first rows of other columns."""
        self.iterations[:length] = other.iterations[:length]
        self.values[:length] = other.values[:length]
        self._pyramid = other._pyramid.copy(length)  # noqa: SLF001 - its own kind
        self.length = length


class ColumnExtents(msgspec.Struct, frozen=True):
    """A series reduced to the columns of a canvas."""

    low: NDArray[np.float64]
    """Smallest finite value in each column, shape (columns,); NaN: no finite value there."""
    high: NDArray[np.float64]
    """Largest finite value in each column, shape (columns,); NaN: no finite value there."""
    last: NDArray[np.float64]
    """Last finite value in each column, shape (columns,); NaN: no finite value there."""
    broken: NDArray[np.bool_]
    """Whether a NaN or an infinity was measured in the column, shape (columns,)."""


class Series:
    """Points in the order they were measured; iterations do not decrease.

    `append` returns a longer window and leaves this one as it is. Windows share their
    columns, so appending costs what the new points cost.
    """

    __slots__ = ("_columns", "_length")

    def __init__(self, columns: Columns | None = None, length: int = 0) -> None:
        """Return a window on the first `length` rows; without arguments, an empty one."""
        self._columns = columns or Columns(0)
        self._length = length

    def __len__(self) -> int:
        return self._length

    @property
    def iterations(self) -> NDArray[np.int64]:
        """Iteration of each point, shape (points,); read-only."""
        return _frozen(self._held().iterations[: self._length])

    @property
    def values(self) -> NDArray[np.float64]:
        """Value of each point, shape (points,), non-finite ones included; read-only."""
        return _frozen(self._held().values[: self._length])

    @property
    def first_iteration(self) -> int | None:
        """Iteration of the oldest point; None: no points."""
        return int(self._columns.iterations[0]) if self._length else None

    @property
    def last(self) -> float | None:
        """The newest value, non-finite ones included; None: no points."""
        return float(self._columns.values[self._length - 1]) if self._length else None

    @property
    def last_iteration(self) -> int | None:
        """Iteration of the newest point; None: no points."""
        return int(self._columns.iterations[self._length - 1]) if self._length else None

    def append(
        self, iterations: NDArray[np.int64], values: NDArray[np.float64]
    ) -> "Series":
        """Return this series with more points after it.

        Points whose iteration is below the newest one are dropped: a writer only goes
        forward, and replays of a range must not draw a line backwards.
        """
        iterations, values = self._forward_only(iterations, values)
        grown = self._length + len(iterations)
        columns = self._columns
        if columns.length != self._length or grown > len(columns.values):
            columns = self._copy(max(_FIRST_CAPACITY, _roomy(grown)))
        columns.iterations[self._length : grown] = iterations
        columns.values[self._length : grown] = values
        columns.length = grown
        return Series(columns, grown)

    def continues(self, older: "Series") -> bool:
        """Whether this is known to be `older` with nothing or more points after it.

        Known without a look at the points; False may also mean that both were copied.
        """
        same = self._columns is older._columns  # noqa: SLF001 - its own kind
        return same and len(self) >= len(older)

    def first(self, count: int) -> "Series":
        """Return the first `count` points, or all where there are no more."""
        return Series(self._held(), min(count, self._length))

    def whole(self) -> "Series":
        """Return this series as one whose columns lie in memory.

        Whoever looks more than once does it this way.
        """
        return self

    def until(self, iteration: int) -> "Series":
        """Return the points up to and including `iteration`."""
        columns = self._held()
        held = columns.iterations[: self._length]
        end = int(np.searchsorted(held, iteration, side="right"))
        return Series(columns, end)

    def at(self, iteration: float) -> tuple[int, float] | None:
        """Return (iteration, value) of the newest point up to `iteration`; None: none."""
        place = np.array([math.floor(min(max(iteration, -1.0), _LAST))])
        columns = self._held()
        held = columns.iterations[: self._length]
        row = int(np.searchsorted(held, place, side="right")[0]) - 1
        if row < 0:
            return None
        return int(columns.iterations[row]), float(columns.values[row])

    def best(self, *, highest: bool) -> tuple[int, float] | None:
        """Return (iteration, value) of the best finite point; None: there is none.

        The first of equal ones. The pyramid leads to it, so that its cost hardly
        grows with the points.
        """
        columns = self._held()
        values, first, end = columns.values, 0, self._length
        while end - first > _SHORT:
            edges = np.linspace(first, end, _BRANCHES + 1).astype(np.int64)
            found = columns.pyramid.extremes(values, edges)
            branch = int(np.argmax(found.high) if highest else np.argmin(found.low))
            first, end = int(edges[branch]), int(edges[branch + 1])
        finite = first + np.flatnonzero(np.isfinite(values[first:end]))
        if not len(finite):
            return None
        pick = np.argmax(values[finite]) if highest else np.argmin(values[finite])
        index = int(finite[pick])
        return int(columns.iterations[index]), float(values[index])

    def best_before(self, iteration: int, *, highest: bool) -> tuple[int, float] | None:
        """Return what `best` does of the points before `iteration`."""
        return self.until(iteration - 1).best(highest=highest)

    def first_broken(self, first: float, end: float) -> tuple[int, float] | None:
        """Return the first point that is not finite with first ≤ iteration < end."""
        columns = self._held()
        start, stop = self._rows_at(columns, np.array([first, end]))
        values = columns.values[start:stop]
        broken = np.flatnonzero(~np.isfinite(values))
        if not len(broken):
            return None
        row = int(start + broken[0])
        return int(columns.iterations[row]), float(columns.values[row])

    def columns(self, first: float, last: float, count: int) -> ColumnExtents:
        """Reduce the points with iteration in [first, last] to `count` columns.

        Column k covers an equal share of the range; a canvas draws each as a vertical
        stroke from low to high, so no spike is lost however many points there are.
        """
        if not self._length or count <= 0 or last < first:
            nothing = np.full(max(0, count), np.nan)
            return ColumnExtents(nothing, nothing, nothing, np.isinf(nothing))
        columns = self._held()
        return self._reduce(columns, self._edges(columns, first, last, count))

    def columns_between(
        self, bounds: NDArray[np.float64], since: int = 0
    ) -> ColumnExtents:
        """Reduce the points to columns of any width.

        Args:
            bounds: Column k holds the iterations in [bounds[k], bounds[k + 1]); not
                decreasing, shape (columns + 1,).
            since: How many of the first points are left out.
        """
        columns = self._held()
        edges = self._rows_at(columns, bounds)
        return self._reduce(columns, np.maximum(edges, since) if since else edges)

    def means(self, bounds: NDArray[np.float64], span: int) -> NDArray[np.float64]:
        """Return a moving mean, sampled at the newest point of each column.

        The mean is of the finite values of the last `span` iterations, that of the
        point included; at the start, of those there are. Where a column is longer than
        `span`, it is the mean of the whole column, so that no point is left out. It is
        exact, not an estimate from the reduced columns, and the same at every zoom
        that resolves the span.

        Args:
            bounds: As for `columns_between`, shape (columns + 1,).
            span: Iterations, ≥ 1.

        Returns:
            Shape (columns,); NaN: no finite value there.
        """
        columns = self._held()
        edges = self._rows_at(columns, bounds)
        first, end = edges[:-1], edges[1:]
        held = np.flatnonzero(end > first)
        means = np.full(len(first), np.nan)
        if not len(held):
            return means
        newest = columns.iterations[end[held] - 1]
        start = np.searchsorted(columns.iterations[: self._length], newest - (span - 1))
        total, count = columns.pyramid.sums(
            columns.values, np.minimum(start, first[held]), end[held]
        )
        some = count > 0
        means[held[some]] = total[some] / count[some]
        return means

    def _held(self) -> Columns:
        """Return the columns, in memory, at least as far as this window goes."""
        return self._columns

    def _reduce(self, columns: Columns, edges: NDArray[np.int64]) -> ColumnExtents:
        values = columns.values
        found = columns.pyramid.extremes(values, edges)
        some = found.last >= 0
        newest = values.take(found.last) if self._length else found.low
        return ColumnExtents(
            np.where(some, found.low, np.nan),
            np.where(some, found.high, np.nan),
            np.where(some, newest, np.nan),
            found.broken,
        )

    def _rows_at(
        self, columns: Columns, bounds: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        """Return the first row at or after each of some iterations."""
        # Whole numbers first: comparing with fractions would copy the whole column.
        # And what `np.clip` does, in a fraction of its time for as few bounds as columns.
        within = np.minimum(np.maximum(bounds, -1.0), _LAST)
        whole = np.ceil(within).astype(np.int64)
        return np.searchsorted(columns.iterations[: self._length], whole)

    def _edges(
        self, columns: Columns, first: float, last: float, count: int
    ) -> NDArray[np.int64]:
        """Return the row at which each column begins, and the row after the last one."""
        scale = count / max(last - first, 1e-12)
        inner = np.arange(1, count)
        start = np.ceil(first + inner / scale)
        # Rounding may put the quotient one iteration off; the product decides.
        start += (start - first) * scale < inner
        start -= (start - 1 - first) * scale >= inner
        end = np.ceil(np.nextafter(last, np.inf))
        bounds = np.concatenate(([np.ceil(first)], np.minimum(start, end), [end]))
        held = columns.iterations[: self._length]
        return np.searchsorted(held, bounds.astype(np.int64))

    def _forward_only(
        self, iterations: NDArray[np.int64], values: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        newest = self.last_iteration
        if not len(iterations) or (
            (newest is None or iterations[0] >= newest)
            and (len(iterations) == 1 or bool((np.diff(iterations) >= 0).all()))
        ):
            return iterations, values
        reached = np.maximum.accumulate(iterations)
        keep = iterations >= (
            reached if newest is None else np.maximum(reached, newest)
        )
        return iterations[keep], values[keep]

    def _copy(self, capacity: int) -> Columns:
        columns = Columns(capacity)
        columns.copy_from(self._columns, self._length)
        return columns


EMPTY_SERIES = Series()
"""The series of something never measured."""


def _frozen(view: NDArray[_T]) -> NDArray[_T]:
    # By the method: by `flags`, numpy makes the name of it anew each time, and CPython's
    # cache of attributes keeps thousands of such names.
    view.setflags(write=False)
    return view
