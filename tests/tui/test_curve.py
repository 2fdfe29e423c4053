"""Curves reduced bit by bit are those reduced at once."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tuitrain.model import Series
from tuitrain.tui.curves.axis import window_axis
from tuitrain.tui.curves.curve import Curve, Placed, best_point, place
from tuitrain.tui.curves.raster import BRAILLE
from tuitrain.tui.curves.scale import EvenScale, Scale, TimeScale

NUMBERS = st.floats(width=16) | st.sampled_from([math.nan, math.inf])
PARTS = st.lists(
    st.lists(st.tuples(st.integers(0, 3), NUMBERS), max_size=60), max_size=8
)


def grown(series: Series, part: list[tuple[int, float]]) -> Series:
    start = series.last_iteration or 0
    iterations = start + np.cumsum([step for step, _ in part], dtype=np.int64)
    return series.append(iterations, np.array([v for _, v in part], dtype=float))


def assert_equal(one: Placed, other: Placed) -> None:
    for name in ("low", "high", "last", "broken"):
        np.testing.assert_array_equal(
            getattr(one.extents, name), getattr(other.extents, name)
        )
    assert (one.means is None) == (other.means is None)
    if one.means is not None and other.means is not None:
        np.testing.assert_array_equal(one.means, other.means)


@settings(deadline=None)
@given(PARTS, st.sampled_from([0, 5, 50]), st.integers(1, 300), st.booleans())
def test_a_curve_that_grew_is_placed_as_if_it_were_new(
    parts: list[list[tuple[int, float]]], span: int, end: int, in_time: bool
) -> None:
    axis = window_axis(0.0, float(end), 4)
    series, times = Series(), Series()
    before: Placed | None = None
    for number, part in enumerate(parts):
        series = grown(series, part)
        times = times.append(
            np.array([series.last_iteration or 0]), np.array([number * 40.0])
        )
        scale: Scale = EvenScale()
        if in_time:
            scale = TimeScale(times.iterations, times.values, -5.0)
        curve = Curve("A", "curve-0", series, scale)
        before = place(curve, axis, 30, BRAILLE, span, before)
        assert_equal(before, place(curve, axis, 30, BRAILLE, span))


@settings(deadline=None)
@given(PARTS, st.booleans())
def test_the_best_point_of_a_curve_that_grew_is_that_of_all_its_points(
    parts: list[list[tuple[int, float]]], highest: bool
) -> None:
    series = Series()
    found = best_point(series, None, highest=highest)
    for part in parts:
        series = grown(series, part)
        found = best_point(series, found, highest=highest)
        assert found.at == series.best(highest=highest)


def test_another_part_or_another_curve_is_reduced_anew() -> None:
    rising = Series().append(np.arange(1, 101), np.arange(100.0))
    falling = Series().append(np.arange(1, 101), -np.arange(100.0))
    before = place(
        Curve("A", "", rising), window_axis(0.0, 100.0, 4), 30, BRAILLE, 0, None
    )
    for curve, axis in (
        (Curve("A", "", falling), window_axis(0.0, 100.0, 4)),
        (Curve("A", "", rising), window_axis(40.0, 60.0, 4)),
    ):
        assert_equal(
            place(curve, axis, 30, BRAILLE, 0, before),
            place(curve, axis, 30, BRAILLE, 0),
        )
