"""Axes: round, around the data, and calm."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuitrain.tui.curves.axis import (
    LARGEST,
    count_axis,
    linear_axis,
    log_axis,
    time_axis,
    window_axis,
)

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


def test_an_axis_of_falling_values_begins_at_zero_and_stays_there() -> None:
    axis = linear_axis(0.5, 2.3, 4)
    assert axis.low == 0.0
    assert linear_axis(0.01, 2.3, 4, axis) is axis


@given(st.floats(1e-3, 1e8), st.integers(2, 12))
def test_a_time_axis_reaches_the_end_and_rarely_has_too_many_ticks(
    end_s: float, count: int
) -> None:
    axis = time_axis(end_s, count)
    assert axis.low == 0.0
    assert axis.high >= end_s * (1 - 1e-9)
    assert 1 <= len(axis.ticks) <= count + 1
    assert len(set(axis.labels)) == len(axis.ticks)


@pytest.mark.parametrize(
    ("end_s", "labels"),
    [
        (0.9, ("0.0s", "0.2s", "0.4s", "0.6s", "0.8s", "1.0s")),
        (28, ("0", "10s", "20s", "30s")),
        (300, ("0", "1m", "2m", "3m", "4m", "5m")),
        (500, ("0", "2m", "4m", "6m", "8m", "10m")),
        (85, ("0", "30s", "1m", "1m30")),
        (5000, ("0", "30m", "1h", "1h30")),
        (400_000, ("0", "1d", "2d", "3d", "4d", "5d")),
    ],
)
def test_times_are_written_as_people_say_them(
    end_s: float, labels: tuple[str, ...]
) -> None:
    assert time_axis(end_s, 5).labels == labels


@given(st.floats(0, 1e9), st.floats(1e-3, 1e9), st.integers(2, 12), st.booleans())
def test_a_window_has_the_ends_it_was_given_and_labels_that_differ(
    low: float, span: float, count: int, is_time: bool
) -> None:
    axis = window_axis(low, low + span, count, is_time=is_time)
    assert (axis.low, axis.high) == (low, low + span)
    slack = 1e-6 * span + 1e-9 * low
    assert all(low - slack <= tick <= low + span + slack for tick in axis.ticks)
    if span > 1e-6 * low and not is_time:
        assert len(set(axis.labels)) == len(axis.labels)


def test_neighbouring_ticks_far_from_zero_can_be_told_apart() -> None:
    assert window_axis(1_234_500, 1_234_600, 4).labels == (
        "1.234500M",
        "1.234525M",
        "1.234550M",
        "1.234575M",
        "1.234600M",
    )
