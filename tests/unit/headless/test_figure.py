"""Figures: whatever was measured, something sensible is drawn and nothing crashes."""

import math
import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tuitrain.headless.figure import Curve, draw
from tuitrain.headless.output import Look
from tuitrain.headless.scale import find_scale
from tuitrain.model import EMPTY_SERIES, Series

PLAIN = Look(columns=80, lines=24, ascii_only=False, has_colour=False)
ASCII = Look(columns=80, lines=24, ascii_only=True, has_colour=False)
COLOUR = Look(columns=80, lines=24, ascii_only=False, has_colour=True)
HUGE = st.floats(allow_nan=True, allow_infinity=True)


def _series(values, first=1) -> Series:
    numbers = np.array(values, dtype=np.float64)
    return EMPTY_SERIES.append(np.arange(first, first + len(numbers)), numbers)


def _draw(*curves, look=PLAIN, **options):
    named = [Curve(f"c{n}", _series(values)) for n, values in enumerate(curves)]
    return draw("loss", named, look, **options)


def _body(rows):
    framed = [row for row in rows if row.endswith("│")]
    return [re.split("[│┤]", row)[-2] for row in framed]


@pytest.mark.parametrize(
    "values",
    [
        [1.0],
        [3.0] * 50,
        [0.0, 0.0],
        [1e308, -1e308, 1e308],
        [5e-324, 1.0, 2.0],
        [-5.0, -3.0],
        [1e-300, 1e300],
        [1e12, 1e12 + 1],
        [1.0, math.nan, 2.0],
        [math.inf, 1.0, -math.inf, 3.0],
    ],
)
def test_any_values_give_a_frame_with_marks(values):
    for look in (PLAIN, ASCII, COLOUR):
        rows = _draw(values, look=look)
        assert len(rows) >= 14
    inside = "".join(_body(_draw(values)))
    assert inside.strip()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(HUGE, max_size=30), min_size=1, max_size=3))
def test_no_values_at_all_crash_the_kernel(curves):
    assert _draw(*curves)


@pytest.mark.parametrize("curves", [[], [[]], [[math.nan, math.nan]]])
def test_without_a_finite_value_it_says_so(curves):
    assert _draw(*curves)[0] == "loss: nothing to draw"


def test_a_curve_is_cut_where_a_value_was_not_finite():
    rows = _draw([1.0] * 100 + [math.nan] * 100 + [1.0] * 100, look=ASCII)
    line = max((row for row in rows if row.count("*") > 2), key=len)
    inside = line.split("+", 1)[1]
    first, last = inside.index("*"), inside.rindex("*")
    middle = inside[first : last + 1]
    assert "          " in middle
    assert "c0: NaN at iteration 101" in rows[-1]


def test_a_spike_in_many_points_is_not_lost():
    values = np.full(100_000, 0.5)
    values[61_234] = 3.0
    rows = _draw(values, may_be_log=False)
    assert any(mark != " " for mark in _body(rows)[0])


def test_a_curve_that_explodes_does_not_flatten_the_others():
    falling = np.linspace(2.0, 0.5, 60)
    exploding = 2.0 * 10.0 ** np.linspace(0, 300, 60)
    body = _body(_draw(falling, exploding))
    rows_used = [row for row in body if any("⠀" < mark <= "⣿" for mark in row)]
    assert len(rows_used) >= 2
    assert "oooooooo" in body[0]


def test_ascii_figures_hold_nothing_else():
    assert "".join(_draw([1.0, 2.0, 0.5], [2.0, 1.0], look=ASCII)).isascii()


def test_without_colour_there_is_no_escape_sequence():
    assert "\x1b" not in "".join(_draw([1.0, 2.0]))
    assert "\x1b" in "".join(_draw([1.0, 2.0], look=COLOUR))


def test_every_curve_has_a_glyph_of_its_own_and_a_name():
    legend = _draw([1.0, 2.0], [2.0, 1.0], [3.0, 3.0], look=ASCII)[-1]
    assert legend.split() == ["*", "c0", "o", "c1", "x", "c2"]


def test_a_figure_is_as_wide_as_the_terminal():
    for columns in (40, 80, 140):
        look = Look(columns=columns, lines=24, ascii_only=False, has_colour=False)
        assert max(len(row) for row in _draw([1.0, 2.0], look=look)) == columns


@example(0.0, 5e-324)
@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300))
def test_ticks_lie_in_the_window_and_rise(one, other):
    scale = find_scale(min(one, other), max(one, other))
    places, labels = scale.ticks(4)
    assert len(places) == len(labels) >= 2
    assert all(0.0 <= place <= 1.0 for place in places)
    assert places == sorted(places)


def test_ticks_are_round_numbers():
    assert find_scale(0.0, 400.0, may_be_log=False).ticks(5)[1] == [
        "0",
        "100",
        "200",
        "300",
        "400",
    ]
    assert find_scale(0.01, 10.0).ticks(4)[1] == ["0.01", "0.1", "1", "10"]
