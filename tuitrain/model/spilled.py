"""A series that holds its newest points only; the others lie outside of memory."""

from typing import Final, NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from tuitrain.model.series import Columns, Series

FIRST_PART: Final = -1
"""Stands for the part before the first one, which there is not."""

_Point = tuple[int, float]
_Iterations = NDArray[np.int64]
_Values = NDArray[np.float64]

_NO_TAIL: Final = Series(Columns(0))


class SpillError(Exception):
    """Points that were moved out of memory can't be read back; says why."""


class Part(NamedTuple):
    """What is known of a part that was read back, beside its values."""

    before: int
    """Place of the part before; `FIRST_PART`: there is none."""
    first_iteration: int
    step: int
    """Between its iterations; 0: they lie unevenly."""


class Spill(Protocol):
    """Keeps parts of series outside of memory."""

    @property
    def part_rows(self) -> int:
        """Points that move together, ≥ 1."""
        ...

    def keep(self, before: int, iterations: _Iterations, values: _Values) -> int | None:
        """Keep a part and return its place, ≥ 0; None: not possible now.

        Args:
            before: Place of the part before; `FIRST_PART`: there is none.
            iterations: Shape (part_rows,).
            values: Shape (part_rows,), non-finite ones included.
        """
        ...

    def read_back(self, place: int, iterations: _Iterations, values: _Values) -> Part:
        """Fill an array with the values of the part at a place.

        Args:
            place: What `keep` returned.
            iterations: Filled where they lie unevenly, shape (part_rows,).
            values: Filled, shape (part_rows,).

        Raises:
            SpillError: It can't be read, or is not what it was.
        """
        ...


class _Moved(msgspec.Struct, frozen=True):
    """What is remembered of the points that were moved: the same however many."""

    rows: int = 0
    place: int = FIRST_PART
    """Of the last part, which leads to those before."""
    first_iteration: int | None = None
    low: _Point | None = None
    """The first of the smallest finite points; None: none is finite."""
    high: _Point | None = None


class SpilledSeries(Series):
    """A series whose full parts are moved to a `Spill`.

    It takes the same memory however long it is. What can't be moved now stays, and is
    tried again with the next full part. All that needs older points reads them back, and
    raises `SpillError` where that fails; growing never does.
    """

    __slots__ = ("_best_before", "_due", "_moved", "_spill", "_tail")

    def __init__(
        self,
        spill: Spill,
        moved: _Moved | None = None,
        tail: Series = _NO_TAIL,
        due: int | None = None,
    ) -> None:
        """Return an empty series; the other arguments are for its own use."""
        self._spill = spill
        self._moved = moved or _Moved()
        self._tail = tail
        self._due = due or spill.part_rows
        """Rows of the tail beyond which parts of it are moved."""
        self._best_before: tuple[tuple[int, bool], _Point | None] | None = None
        columns = tail._held()  # noqa: SLF001 - its own kind
        super().__init__(columns, self._moved.rows + len(tail))

    @property
    def first_iteration(self) -> int | None:
        """Iteration of the oldest point; None: no points."""
        first = self._moved.first_iteration
        return first if first is not None else self._tail.first_iteration

    @property
    def last(self) -> float | None:
        """The newest value, non-finite ones included; None: no points."""
        return self._tail.last

    @property
    def last_iteration(self) -> int | None:
        """Iteration of the newest point; None: no points."""
        return self._tail.last_iteration

    def append(self, iterations: _Iterations, values: _Values) -> "SpilledSeries":
        """Return this series with more points after it, as any series does."""
        tail = self._tail.append(iterations, values)
        if len(tail) <= self._due:
            return SpilledSeries(self._spill, self._moved, tail, self._due)
        return self._move(tail)

    def continues(self, older: Series) -> bool:
        """Whether this is known to be `older`; where it grew, nothing is known."""
        return older is self

    def whole(self) -> Series:
        """Return this series as one whose columns lie in memory.

        Raises:
            SpillError: Older points can't be read back.
        """
        moved, tail = self._moved, self._tail
        if not moved.rows:
            return tail
        columns = Columns(len(self))
        columns.iterations[moved.rows :] = tail.iterations
        columns.values[moved.rows :] = tail.values
        place, size = moved.place, self._spill.part_rows
        even: list[tuple[int, int, int]] = []
        for start in range(moved.rows - size, -1, -size):
            rows = slice(start, start + size)
            part = self._spill.read_back(
                place, columns.iterations[rows], columns.values[rows]
            )
            place = part.before
            if part.step:
                even.append((start, part.first_iteration, part.step))
        _count_off(columns.iterations, even, size)
        columns.length = len(self)
        return Series(columns, len(self))

    def best(self, *, highest: bool) -> _Point | None:
        """Return (iteration, value) of the best finite point; None: there is none."""
        older = self._moved.high if highest else self._moved.low
        return _better(older, self._tail.best(highest=highest), highest=highest)

    def best_before(self, iteration: int, *, highest: bool) -> _Point | None:
        """Return what `best` does of the points before `iteration`.

        What was found is remembered: a plan asks for the same again and again.
        """
        last = self.last_iteration
        if last is None or last < iteration:
            return self.best(highest=highest)
        asked = iteration, highest
        if self._best_before is None or self._best_before[0] != asked:
            found = super().best_before(iteration, highest=highest)
            self._best_before = asked, found
        return self._best_before[1]

    def _held(self) -> Columns:
        return self.whole()._held()  # noqa: SLF001 - its own kind

    def _move(self, tail: Series) -> "SpilledSeries":
        """Return this series with a longer tail, of which all full parts are moved.

        The newest point stays: it says where the series is.
        """
        iterations, values = tail.iterations, tail.values
        moved, first, size = self._moved, 0, self._spill.part_rows
        while len(tail) - first > size:
            rows = slice(first, first + size)
            part = _NO_TAIL.append(iterations[rows], values[rows])
            place = self._spill.keep(moved.place, part.iterations, part.values)
            if place is None:
                break
            moved = _with_part(moved, part, place)
            first += size
        if first:
            # Room for the next part at once: memory that comes and goes in blocks of one
            # size leaves no holes.
            room = Columns(size + size // 4)
            tail = Series(room).append(iterations[first:], values[first:])
        full = -(-len(tail) // size)
        return SpilledSeries(self._spill, moved, tail, full * size)


def _count_off(
    iterations: _Iterations, even: list[tuple[int, int, int]], size: int
) -> None:
    """Fill in the iterations of parts whose iterations lie evenly.

    Args:
        iterations: Of the whole series.
        even: First row, first iteration and step of each part, the last part first.
        size: Rows of a part.
    """
    end = 0
    for index, (start, first, step) in enumerate(even):
        end = end or start + size
        before = even[index + 1] if index + 1 < len(even) else None
        # Nearly always they go on as in the part before: one call for all of them.
        if before != (start - size, first - step * size, step):
            iterations[start:end] = first + step * np.arange(end - start)
            end = 0


def _with_part(moved: _Moved, part: Series, place: int) -> _Moved:
    first = moved.first_iteration
    return _Moved(
        rows=moved.rows + len(part),
        place=place,
        first_iteration=part.first_iteration if first is None else first,
        low=_better(moved.low, part.best(highest=False), highest=False),
        high=_better(moved.high, part.best(highest=True), highest=True),
    )


def _better(
    older: _Point | None, newer: _Point | None, *, highest: bool
) -> _Point | None:
    """Return the better of two points; the older one if they are equal."""
    if older is None or newer is None:
        return newer if older is None else older
    is_better = newer[1] > older[1] if highest else newer[1] < older[1]
    return newer if is_better else older
