"""Axes: round, around the data, and calm."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuitrain.tui.curves.axis import LARGEST, count_axis, linear_axis, log_axis

FINITE = st.floats(-1e12, 1e12, allow_nan=False)


@given(FINITE, FINITE, st.integers(2, 10))
def test_a_linear_axis_holds_its_data(one: float, other: float, count: int) -> None:
    low, high = min(one, other), max(one, other)
    axis = linear_axis(low, high, count)
    slack = 1e-6 * axis.span
    assert axis.low <= low + slack
    assert axis.high >= high - slack
    assert axis.span > 0
    assert len(axis.ticks) == len(axis.labels)
    assert all(axis.low - slack <= tick <= axis.high + slack for tick in axis.ticks)


def test_ticks_are_round_numbers() -> None:
    assert linear_axis(0.03, 2.31, 5).labels == (
        "0.0",
        "0.5",
        "1.0",
        "1.5",
        "2.0",
        "2.5",
    )


@pytest.mark.parametrize("value", [0.0, 1e-300, -5.0, 1e300, 3.0])
def test_a_constant_gets_room_on_both_sides(value: float) -> None:
    axis = linear_axis(value, value, 4)
    assert axis.low < value < axis.high or axis.low <= value <= axis.high
    assert axis.span > 0


def test_extreme_values_do_not_overflow() -> None:
    axis = linear_axis(-1.7e308, 1.7e308, 4)
    assert math.isfinite(axis.span)
    assert axis.high >= LARGEST


def test_an_axis_stays_while_the_data_fits_it() -> None:
    axis = linear_axis(0.0, 2.3, 4)
    assert linear_axis(0.05, 2.2, 4, axis) is axis


def test_an_axis_moves_when_the_data_leaves_it() -> None:
    axis = linear_axis(0.0, 2.3, 4)
    assert linear_axis(0.0, 7.0, 4, axis).high >= 7.0


def test_an_axis_shrinks_when_the_data_has_become_small() -> None:
    axis = linear_axis(0.0, 100.0, 4)
    assert linear_axis(0.0, 2.0, 4, axis).high < 10.0


@given(st.floats(1e-12, 1e12), st.floats(1.0, 1e9))
def test_a_log_axis_holds_its_data(low: float, factor: float) -> None:
    axis = log_axis(low, low * factor, 5)
    assert axis.is_log
    assert axis.low <= math.log10(low) + 1e-6
    assert axis.high >= math.log10(low * factor) - 1e-6
    assert axis.span > 0


def test_a_log_axis_over_decades_has_powers_of_ten() -> None:
    assert log_axis(2e-3, 3.0, 6).labels == ("1e-3", "1e-2", "1e-1", "1e0", "1e1")


@given(st.floats(0.0, 1e9))
def test_a_count_axis_begins_at_zero_and_reaches_the_end(end: float) -> None:
    axis = count_axis(end, 5)
    assert axis.low == 0.0
    assert axis.high >= end * (1 - 1e-9)


def test_a_count_axis_rarely_changes_while_points_arrive() -> None:
    axes = {count_axis(float(end), 5) for end in range(1, 1000)}
    assert len(axes) < 35
