"""Series whose older points lie elsewhere: the same as those that hold all of them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.model.compared import MEASURED, plain
from tuitrain.events import Record
from tuitrain.model import (
    EMPTY_SERIES,
    Part,
    Series,
    SpilledSeries,
    SpillError,
    StudyModel,
    fold,
    fold_all,
)
from tuitrain.units import Seconds

NUMBERS = st.sampled_from([0.5, -1.0, 2.0, math.nan, math.inf, -math.inf]) | st.floats(
    width=32
)
POINTS = st.lists(st.tuples(st.integers(0, 40), NUMBERS), max_size=30)


class Shelf:
    """Stands in for a file: parts in a list, and refusals in the order that was asked."""

    def __init__(self, part_rows: int = 4, takes: tuple[bool, ...] = ()) -> None:
        self.part_rows = part_rows
        self.takes = list(takes)
        self.parts: list[tuple[int, np.ndarray, np.ndarray]] = []
        self.is_broken = False
        self.reads = 0

    def keep(self, before: int, iterations, values) -> int | None:
        if self.takes and not self.takes.pop(0):
            return None
        assert len(iterations) == len(values) == self.part_rows
        # Of its own: what is given are windows on columns that live on.
        self.parts.append((before, iterations.copy(), values.copy()))
        return len(self.parts) - 1

    def read_back(self, place: int, iterations, values) -> Part:
        self.reads += 1
        if self.is_broken:
            raise SpillError("the shelf broke")
        before, iterations[:], values[:] = self.parts[place]
        return Part(before, 0, 0)


def columns(points) -> tuple[np.ndarray, np.ndarray]:
    iterations = np.array([iteration for iteration, _ in points], dtype=np.int64)
    return iterations, np.array([value for _, value in points], dtype=np.float64)


def counted(rows: int, first: int = 1) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(first, first + rows), np.sin(np.arange(rows) / 7)


def assert_same(found: Series, expected: Series, at: int = 20) -> None:
    """Everything that can be asked of a series has the same answer."""
    np.testing.assert_array_equal(found.iterations, expected.iterations)
    np.testing.assert_array_equal(found.values, expected.values)
    assert len(found) == len(expected)
    for name in ("first_iteration", "last_iteration", "last"):
        np.testing.assert_equal(getattr(found, name), getattr(expected, name))
    for highest in (True, False):
        assert found.best(highest=highest) == expected.best(highest=highest)
        for _ in range(2):
            assert found.best_before(at, highest=highest) == expected.best_before(
                at, highest=highest
            )
    np.testing.assert_equal(found.at(at), expected.at(at))
    np.testing.assert_equal(found.first_broken(3, at), expected.first_broken(3, at))
    np.testing.assert_array_equal(found.until(at).values, expected.until(at).values)
    count = max(0, at)
    np.testing.assert_array_equal(
        found.first(count).values, expected.first(count).values
    )
    for name in ("low", "high", "last", "broken"):
        np.testing.assert_array_equal(
            getattr(found.columns(0, 40, 7), name),
            getattr(expected.columns(0, 40, 7), name),
        )
    bounds = np.arange(0.0, 45.0, 5.0)
    np.testing.assert_array_equal(found.means(bounds, 6), expected.means(bounds, 6))


@given(
    batches=st.lists(POINTS, max_size=8),
    part_rows=st.integers(1, 9),
    takes=st.lists(st.booleans(), max_size=20),
    at=st.integers(-1, 41),
)
def test_whatever_is_appended_and_refused_nothing_changes(
    batches, part_rows, takes, at
):
    spilled: Series = SpilledSeries(Shelf(part_rows, tuple(takes)))
    held = EMPTY_SERIES
    windows = [(spilled, held)]
    for batch in batches:
        spilled, held = spilled.append(*columns(batch)), held.append(*columns(batch))
        windows.append((spilled, held))
    for found, expected in windows:
        assert_same(found, expected, at)
        # An older window can be gone on from once more, in another way.
        for more in batches[:1]:
            assert_same(found.append(*columns(more)), expected.append(*columns(more)))


@given(st.lists(MEASURED, max_size=20), st.integers(1, 3))
def test_a_study_is_the_same_wherever_its_points_are_kept(events, part_rows):
    records = [
        Record(seq=seq, at_s=Seconds(seq), mono_s=Seconds(seq), event=event)
        for seq, event in enumerate(events)
    ]
    expected = plain(fold_all(StudyModel(), records))
    blank = SpilledSeries(Shelf(part_rows))
    one_by_one = StudyModel()
    for record in records:
        one_by_one = fold(one_by_one, record, blank)
    assert plain(fold_all(StudyModel(), records, blank)) == expected
    assert plain(one_by_one) == expected


def test_no_more_than_a_part_stays_however_long_it_gets():
    shelf = Shelf(part_rows=64)
    series: Series = SpilledSeries(shelf)
    for first in range(1, 10_000, 10):
        series = series.append(*counted(10, first))
        assert len(series) - 64 * len(shelf.parts) <= 64
    assert len(series) == 10_000
    assert shelf.reads == 0


def test_what_was_refused_is_tried_again_a_part_later():
    shelf = Shelf(part_rows=10, takes=(False, False))
    series = SpilledSeries(shelf)
    kept = []
    for first in range(1, 42, 5):
        series = series.append(*counted(5, first))
        kept.append(len(shelf.parts))
    assert kept == [0, 0, 0, 0, 0, 0, 3, 3, 4]
    assert series.iterations.tolist() == list(range(1, 46))


def test_growing_and_the_newest_point_need_nothing_read_back():
    shelf = Shelf(part_rows=8)
    series = SpilledSeries(shelf).append(*counted(100))
    shelf.is_broken = True
    series = series.append(*counted(50, 101))
    assert (len(series), series.first_iteration, series.last_iteration) == (150, 1, 150)
    assert series.best(highest=True) == series.best_before(200, highest=True)
    with pytest.raises(SpillError, match="the shelf broke"):
        _ = series.values
    shelf.is_broken = False
    assert series.iterations.tolist() == list(range(1, 151))


def test_the_best_before_an_iteration_is_looked_for_once():
    shelf = Shelf(part_rows=8)
    series = SpilledSeries(shelf).append(*counted(100))
    first = series.best_before(50, highest=True)
    reads = shelf.reads
    assert reads > 0
    assert series.best_before(50, highest=True) == first
    assert shelf.reads == reads


def test_a_series_knows_that_it_continues_itself_only():
    series = SpilledSeries(Shelf()).append(*counted(9))
    assert series.continues(series)
    assert not series.append(*counted(1, 10)).continues(series)
