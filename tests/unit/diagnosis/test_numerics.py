"""Levels, trends and noise."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuitrain.diagnosis.numerics import (
    MAX_BLOCKS,
    block_medians,
    drop,
    gain,
    median,
    medians_of,
    noise,
    start_of,
    trend,
)

floats = st.floats(min_value=-1e6, max_value=1e6)
columns = st.lists(floats, min_size=3, max_size=300).map(np.array)


@settings(deadline=None)
@given(st.lists(floats | st.sampled_from([math.nan, math.inf]), min_size=1))
def test_a_median_is_numpys(values):
    assert median(values) == pytest.approx(float(np.median(values)), nan_ok=True)
    assert math.isnan(median([]))


def test_medians_of_rows_are_numpys():
    rows = np.random.default_rng(0).normal(size=(7, 6))
    assert medians_of(rows).tolist() == np.median(rows, axis=1).tolist()


@settings(deadline=None)
@given(columns)
def test_a_trend_turns_its_sign_with_the_curve(values):
    there, back = trend(values), trend(-values)
    assert back.z == pytest.approx(-there.z)
    assert back.slope == pytest.approx(-there.slope)


@settings(deadline=None)
@given(columns, st.floats(min_value=-1e3, max_value=1e3))
def test_noise_does_not_depend_on_the_level(values, level):
    assert noise(values + level) == pytest.approx(noise(values), rel=1e-6, abs=1e-3)


@settings(deadline=None)
@given(st.integers(min_value=1, max_value=2000))
def test_blocks_are_bounded_and_keep_the_order(count):
    medians = block_medians(np.arange(count, dtype=np.float64))
    assert len(medians) <= MAX_BLOCKS
    assert np.all(np.diff(medians) > 0) or count == 1


def test_noise_is_the_standard_deviation_around_a_smooth_curve():
    chance = np.random.default_rng(0)
    curve = 2.3 * np.exp(-np.arange(1000) / 300)
    assert noise(curve + chance.normal(0, 0.1, 1000)) == pytest.approx(0.1, rel=0.1)
    assert noise(curve) < 0.01


def test_a_trend_is_significant_only_beyond_chance():
    chance = np.random.default_rng(0)
    assert not trend(np.array([chance.normal() for _ in range(100)])).falls
    assert trend(np.linspace(1.0, 0.0, 20)).falls
    assert trend(np.linspace(0.0, 1.0, 20)).rises
    assert trend(np.ones(20)).z == 0.0


def test_a_slope_is_per_point_however_many_there_are():
    for count in (20, 5000):
        values = np.linspace(3.0, 3.0 - 0.01 * (count - 1), count)
        assert trend(values).slope == pytest.approx(-0.01, rel=0.01)


def test_a_drop_is_measured_against_its_noise():
    falling = drop(np.linspace(2.0, 1.0, 100))
    assert falling is not None
    assert falling.size == pytest.approx(0.87, abs=0.03)
    assert falling.z > 10
    flat = drop(np.ones(100))
    assert flat is not None
    assert (flat.size, flat.z) == (0.0, 0.0)
    assert drop(np.ones(3)) is None


def test_the_start_is_before_a_spike():
    assert start_of(np.array([2.3, 90.0, 50.0, 3.0])) == 2.3
    assert start_of(np.array([2.3, 2.2, 2.1, 2.0])) == 2.2


def test_gain_is_relative_and_zero_for_too_little():
    assert gain(np.array([2.0, 2.0, 1.0, 1.0])) == 0.5
    assert gain(np.array([1.0])) == 0.0
    assert math.isclose(gain(np.array([1.0, 2.0])), -1.0)
