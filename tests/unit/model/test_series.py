"""Series: windows that never change, and their reduction to the columns of a canvas."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuitrain.model import EMPTY_SERIES, Series

NUMBERS = st.floats(width=32) | st.sampled_from([math.nan, math.inf, -math.inf])
STEPS = st.lists(st.tuples(st.integers(0, 9), NUMBERS), max_size=400)


def _series(iterations, values) -> Series:
    return EMPTY_SERIES.append(
        np.array(iterations, dtype=np.int64), np.array(values, dtype=np.float64)
    )


def _from_steps(steps) -> Series:
    return _series(np.cumsum([step for step, _ in steps]), [v for _, v in steps])


def _reduce_by_hand(series: Series, first: float, last: float, count: int):
    """Column by column and point by point, as the docstring says."""
    low, high, newest = ([math.nan] * count for _ in range(3))
    broken = [False] * count
    for iteration, value in zip(series.iterations, series.values, strict=True):
        if not first <= iteration <= last:
            continue
        place = (float(iteration) - first) * (count / max(last - first, 1e-12))
        k = min(int(place), count - 1)
        if not math.isfinite(value):
            broken[k] = True
            continue
        low[k] = value if math.isnan(low[k]) else min(low[k], value)
        high[k] = value if math.isnan(high[k]) else max(high[k], value)
        newest[k] = value
    return low, high, newest, broken


def _assert_columns(series: Series, first: float, last: float, count: int) -> None:
    got = series.columns(first, last, count)
    low, high, newest, broken = _reduce_by_hand(series, first, last, count)
    np.testing.assert_array_equal(got.low, low)
    np.testing.assert_array_equal(got.high, high)
    np.testing.assert_array_equal(got.last, newest)
    np.testing.assert_array_equal(got.broken, broken)


@given(
    steps=STEPS,
    first=st.floats(-20, 2000),
    span=st.floats(0, 4000) | st.integers(0, 3000),
    count=st.integers(1, 50),
    whole=st.booleans(),
)
def test_columns_hold_what_a_look_at_every_point_finds(
    steps, first, span, count, whole
):
    first = float(math.floor(first)) if whole else first
    _assert_columns(_from_steps(steps), first, first + span, count)


@pytest.mark.parametrize("count", [1, 7, 240, 5000])
@pytest.mark.parametrize("damage", [0, 5, 9000])
def test_columns_of_a_long_series_go_through_every_level(count, damage):
    random = np.random.default_rng(count + damage)
    values = random.normal(size=10_000)
    values[random.integers(0, 10_000, damage)] = random.choice(
        [np.nan, np.inf, -np.inf], damage
    )
    series = _series(np.cumsum(random.integers(0, 3, 10_000)), values)
    for first, last in ((0, 10_000), (17, 9_000), (4_000.5, 4_100.25), (99, 99)):
        _assert_columns(series, first, last, count)


@given(steps=STEPS, cuts=st.lists(st.integers(0, 400), max_size=6))
def test_appending_in_parts_is_appending_at_once(steps, cuts):
    at_once = _from_steps(steps)
    in_parts = EMPTY_SERIES
    bounds = sorted({0, *(min(cut, len(steps)) for cut in cuts), len(steps)})
    for start, end in itertools.pairwise(bounds):
        in_parts = in_parts.append(
            at_once.iterations[start:end], at_once.values[start:end]
        )
    np.testing.assert_array_equal(in_parts.iterations, at_once.iterations)
    np.testing.assert_array_equal(in_parts.values, at_once.values)
    _assert_columns(in_parts, 0, 500, 13)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 150)), max_size=12))
def test_windows_never_change_whatever_is_appended_to_any_of_them(appends):
    """A tree of windows, each grown from an older one, against plain lists."""
    windows: list[tuple[Series, list[float]]] = [(EMPTY_SERIES, [])]
    for step, (pick, size) in enumerate(appends):
        series, expected = windows[pick % len(windows)]
        added = [float(1000 * step + n) for n in range(size)]
        start = len(expected)
        grown = series.append(
            np.arange(start, start + size, dtype=np.int64), np.array(added)
        )
        windows.append((grown, expected + added))
    for series, expected in windows:
        assert series.values.tolist() == expected
        _assert_columns(series, 0, max(1, len(expected)), 5)


def test_a_window_can_not_be_written_through():
    series = _series([1, 2], [0.5, 0.25])
    with pytest.raises(ValueError, match="read-only"):
        series.values[0] = 9.0


@pytest.mark.parametrize(
    ("batches", "kept"),
    [
        ([[1, 2, 3], [2, 3, 4]], [1, 2, 3, 3, 4]),
        ([[1, 5, 3, 5, 6]], [1, 5, 5, 6]),
        ([[4], [1, 2]], [4]),
        ([[], [1]], [1]),
    ],
)
def test_points_that_go_backwards_are_dropped(batches, kept):
    series = EMPTY_SERIES
    for batch in batches:
        series = series.append(
            np.array(batch, dtype=np.int64), np.array(batch, dtype=np.float64)
        )
    assert series.iterations.tolist() == kept
    assert series.values.tolist() == kept


def test_until_keeps_the_points_up_to_an_iteration():
    series = _series([1, 2, 2, 5], [0.1, 0.2, 0.3, 0.4])
    assert series.until(2).values.tolist() == [0.1, 0.2, 0.3]
    assert len(series.until(0)) == 0
    assert len(series.until(9)) == 4


def test_the_best_point_is_a_finite_one():
    series = _series([1, 2, 3, 4], [math.nan, 0.5, math.inf, 0.25])
    assert series.best(highest=True) == (2, 0.5)
    assert series.best(highest=False) == (4, 0.25)
    assert _series([1], [math.nan]).best(highest=True) is None


def test_an_empty_series_knows_nothing():
    assert EMPTY_SERIES.last is None
    assert EMPTY_SERIES.last_iteration is None
    assert len(EMPTY_SERIES) == 0
    assert np.isnan(EMPTY_SERIES.columns(0, 10, 4).low).all()
    assert EMPTY_SERIES.columns(0, 10, 0).low.shape == (0,)
    assert np.isnan(_series([1], [1.0]).columns(5, 2, 3).low).all()


def test_the_last_value_may_be_non_finite():
    assert math.isnan(_series([1, 2], [1.0, math.nan]).last or 0.0)
    assert _series([1, 2], [1.0, math.nan]).last_iteration == 2
