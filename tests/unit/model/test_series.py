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


@given(
    steps=STEPS,
    bounds=st.lists(st.floats(-50, 2000), min_size=2, max_size=20).map(sorted),
)
def test_columns_of_any_width_hold_what_a_look_at_every_point_finds(steps, bounds):
    series = _from_steps(steps)
    got = series.columns_between(np.array(bounds))
    for k, (first, end) in enumerate(itertools.pairwise(bounds)):
        inside = (series.iterations >= first) & (series.iterations < end)
        held = series.values[inside]
        finite = held[np.isfinite(held)]
        assert got.broken[k] == (len(finite) < len(held))
        if not len(finite):
            assert math.isnan(got.low[k])
            assert math.isnan(got.last[k])
            continue
        assert (got.low[k], got.high[k]) == (finite.min(), finite.max())
        assert got.last[k] == finite[-1]


def _mean_by_hand(series: Series, first: float, end: float, span: int) -> float:
    here = (series.iterations >= first) & (series.iterations < end)
    if not here.any():
        return math.nan
    newest = series.iterations[here][-1]
    begins = min(newest - span + 1, series.iterations[here][0])
    held = (series.iterations >= begins) & (series.iterations <= newest)
    values = series.values[held]
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else math.nan


@given(
    steps=STEPS,
    bounds=st.lists(st.floats(-50, 2000), min_size=2, max_size=20).map(sorted),
    span=st.integers(1, 3000),
)
def test_a_moving_mean_is_the_mean_of_every_point_in_its_span(steps, bounds, span):
    series = _from_steps(steps)
    got = series.means(np.array(bounds), span)
    want = [_mean_by_hand(series, a, b, span) for a, b in itertools.pairwise(bounds)]
    finite = series.values[np.isfinite(series.values)]
    size = float(np.abs(finite).max()) if len(finite) else 0.0
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12 * size)


@pytest.mark.parametrize("span", [1, 63, 64, 65, 1000, 30_000])
def test_a_moving_mean_of_a_long_series_goes_through_every_level(span):
    values = np.random.default_rng(span).normal(size=20_000)
    values[::97] = np.nan
    series = _series(np.arange(1, 20_001), values)
    bounds = np.linspace(0, 20_001, 121)
    want = [_mean_by_hand(series, a, b, span) for a, b in itertools.pairwise(bounds)]
    np.testing.assert_allclose(series.means(bounds, span), want, rtol=1e-9, atol=1e-9)


def test_a_moving_mean_forgets_a_huge_value_that_is_out_of_its_span():
    values = np.ones(5000)
    values[0] = 1e308
    means = _series(np.arange(1, 5001), values).means(np.array([4990.0, 5001.0]), 100)
    assert means.tolist() == [1.0]


@given(steps=STEPS, highest=st.booleans())
def test_the_best_of_a_long_series_is_the_first_of_the_best(steps, highest):
    repeated = _from_steps(steps * (1 + 9000 // max(1, len(steps))))
    values = repeated.values
    finite = np.flatnonzero(np.isfinite(values))
    got = repeated.best(highest=highest)
    if not len(finite):
        assert got is None
        return
    pick = np.argmax(values[finite]) if highest else np.argmin(values[finite])
    assert got == (repeated.iterations[finite[pick]], values[finite[pick]])


@given(steps=STEPS, at=st.floats(-20, 4000))
def test_the_value_at_a_place_is_that_of_the_newest_point_before(steps, at):
    series = _from_steps(steps)
    before = [k for k, i in enumerate(series.iterations) if i <= at]
    got = series.at(at)
    if not before:
        assert got is None
        return
    assert got is not None
    assert got[0] == series.iterations[before[-1]]
    np.testing.assert_equal(got[1], series.values[before[-1]])


def test_the_first_point_that_is_not_finite_is_found_within_a_range():
    series = _series([1, 2, 3, 4], [0.5, math.nan, 0.5, math.inf])
    assert series.first_broken(3, 5) == (4, math.inf)
    found = series.first_broken(0, 5)
    assert found is not None
    assert found[0] == 2
    assert series.first_broken(3, 4) is None
