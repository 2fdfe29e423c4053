"""The raster against a slow one that looks at every dot."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from rich.cells import cell_len

from tuitrain.model import ColumnExtents, Series
from tuitrain.tui.curves.axis import Axis
from tuitrain.tui.curves.raster import (
    ASCII,
    BLOCK,
    BRAILLE,
    RESOLUTIONS,
    Canvas,
    Dots,
    Resolution,
    strokes,
    thin,
    to_rows,
)

AXIS = Axis(0.0, 10.0, (0.0, 10.0), ("0", "10"))
LOG_AXIS = Axis(-2.0, 1.0, (-2.0, 1.0), ("1e-2", "1e1"), is_log=True)


def extents_of(
    values: list[float | None], broken: frozenset[int] = frozenset()
) -> ColumnExtents:
    """One value a column; None: nothing there."""
    column = np.array([np.nan if v is None else v for v in values], dtype=float)
    marks = np.array([i in broken for i in range(len(values))])
    return ColumnExtents(column, column.copy(), column.copy(), marks)


def dots(
    canvas: Canvas, extents: ColumnExtents, axis: Axis = AXIS
) -> set[tuple[int, int]]:
    return places(strokes([extents], axis, canvas)[0])


def places(dots: NDArray[np.bool_]) -> set[tuple[int, int]]:
    """Where the dots of one curve are, as (x, y)."""
    y, x = dots.nonzero()
    return set(zip(x.tolist(), y.tolist(), strict=True))


def dots_at(canvas: Canvas, *points: tuple[int, int]) -> Dots:
    """Dots of one curve, given as (x, y)."""
    dots = np.zeros((1, canvas.rows, canvas.columns), dtype=np.bool_)
    for x, y in points:
        dots[0, y, x] = True
    return dots


def drawn(canvas: Canvas) -> set[tuple[int, int]]:
    """Every dot set on a braille canvas, read from the characters."""
    order = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)]
    found = set()
    for row, codes in enumerate(canvas.codes()):
        for column, code in enumerate(codes.tolist()):
            bits = 0 if code == ord(" ") else code - 0x2800
            for bit, (dx, dy) in enumerate(order):
                if bits >> bit & 1:
                    found.add((2 * column + dx, 4 * row + dy))
    return found


@given(
    st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=60),
)
def test_dots_are_set_where_they_were_asked_for_and_nowhere_else(
    points: list[tuple[int, int]],
) -> None:
    canvas = Canvas(10, 5, BRAILLE)
    canvas.draw(dots_at(canvas, *points))
    assert drawn(canvas) == set(points)


@given(
    st.lists(
        st.tuples(st.floats(0, 10), st.floats(0, 10), st.floats(0, 10)),
        min_size=1,
        max_size=20,
    )
)
def test_a_column_is_filled_from_its_lowest_to_its_highest_value(
    columns: list[tuple[float, float, float]],
) -> None:
    low = np.array([min(c) for c in columns])
    high = np.array([max(c) for c in columns])
    last = np.array([c[2] for c in columns])
    canvas = Canvas(10, 5, BRAILLE)
    found = dots(
        canvas, ColumnExtents(low, high, last, np.zeros(len(columns), dtype=np.bool_))
    )
    for x in range(len(columns)):
        rows = np.rint(to_rows(np.array([high[x], low[x]]), AXIS, 17) + 1.5)
        for y in range(int(rows[0]), int(rows[1]) + 1):
            assert (x, y) in found


@given(st.lists(st.floats(0, 10), min_size=2, max_size=20))
def test_neighbouring_columns_are_joined_without_a_gap(values: list[float]) -> None:
    canvas = Canvas(10, 5, BRAILLE)
    found = dots(canvas, extents_of(list(values)))
    for x in range(1, len(values)):
        here = [y for a, y in found if a == x]
        before = [y for a, y in found if a == x - 1]
        assert min(abs(a - b) for a in here for b in before) <= 1


def test_empty_columns_are_bridged_by_a_straight_line() -> None:
    canvas = Canvas(10, 5, BRAILLE)
    found = dots(canvas, extents_of([0.0, None, None, None, 10.0]))
    assert {x for x, _ in found} == {0, 1, 2, 3, 4}
    middle = [y for x, y in found if x == 2]
    assert min(middle) <= 9 <= max(middle) + 1


def test_a_column_that_is_not_finite_is_not_bridged() -> None:
    canvas = Canvas(10, 5, BRAILLE)
    found = dots(
        canvas, extents_of([5.0, None, None, None, 5.0], broken=frozenset({2}))
    )
    assert {x for x, _ in found} == {0, 4}


def test_the_ends_of_the_axis_lie_in_the_middle_of_the_outer_cells() -> None:
    rows = to_rows(np.array([0.0, 10.0]), AXIS, 5)
    assert rows.tolist() == [4.0, 0.0]


def test_values_without_a_logarithm_are_left_out() -> None:
    rows = to_rows(np.array([0.0, -3.0, 10.0]), LOG_AXIS, 4)
    assert np.isnan(rows[:2]).all()
    assert rows[2] == 0.0


@pytest.mark.parametrize("value", [1e308, -1e308, 1e12, -1e12])
def test_values_far_off_the_axis_neither_crash_nor_draw_inside(value: float) -> None:
    canvas = Canvas(10, 5, BRAILLE)
    canvas.draw(strokes([extents_of([value])], AXIS, canvas))
    assert drawn(canvas) == set()


def test_each_curve_has_a_mark_of_its_own_in_ascii() -> None:
    canvas = Canvas(4, 1, ASCII)
    canvas.draw(dots_at(canvas, (0, 0)))
    canvas.draw(dots_at(canvas, (1, 0)), first=1)
    first, second, empty, _ = canvas.codes()[0].tolist()
    assert len({first, second, empty}) == 3
    assert empty == ord(" ")


@given(st.integers(1, 400))
def test_a_series_of_any_length_reaches_the_right_side_without_a_gap(
    points: int,
) -> None:
    series = Series().append(
        np.arange(1, points + 1, dtype=np.int64), np.linspace(0.0, 10.0, points)
    )
    canvas = Canvas(10, 5, BRAILLE)
    extents = series.columns(0.0, float(points), canvas.columns)
    x = {place[0] for place in dots(canvas, extents)}
    assert x == set(range(min(x), canvas.columns))


def test_blocks_fill_the_quarter_of_the_cell_they_were_asked_for() -> None:
    canvas = Canvas(2, 1, BLOCK)
    canvas.draw(dots_at(canvas, (0, 0), (3, 1), (2, 1)))
    assert "".join(chr(code) for code in canvas.codes()[0]) == "▘▄"


@pytest.mark.parametrize("resolution", RESOLUTIONS.values(), ids=list(RESOLUTIONS))
def test_every_character_is_one_cell_wide(resolution: Resolution) -> None:
    characters = [chr(code) for code in resolution.characters]
    assert all(cell_len(character) == 1 for character in characters)
    assert len(characters) == 2**resolution.bits.size
    assert len(set(characters)) == len(characters)


@given(st.lists(st.tuples(st.integers(0, 39), st.integers(0, 39)), max_size=200))
def test_a_faint_curve_has_no_two_dots_side_by_side(
    points: list[tuple[int, int]],
) -> None:
    canvas = Canvas(20, 10, BRAILLE)
    faint = places(thin(dots_at(canvas, *points), BRAILLE)[0])
    assert faint <= set(points)
    assert not any((a + 1, b) in faint or (a, b + 1) in faint for a, b in faint)


def test_a_faint_curve_in_ascii_is_drawn_with_a_mark_of_its_own() -> None:
    canvas = Canvas(2, 1, ASCII)
    canvas.draw(dots_at(canvas, (0, 0)))
    assert chr(canvas.codes(is_faint=True)[0, 0]) == "."
    assert chr(canvas.codes()[0, 0]) != "."


COLUMNS = st.lists(st.one_of(st.none(), st.floats(-2, 12)), min_size=8, max_size=8)
CURVES = st.lists(st.tuples(COLUMNS, st.frozensets(st.integers(0, 7))), max_size=4)


@given(CURVES)
def test_curves_worked_out_together_are_drawn_as_one_after_the_other(
    curves: list[tuple[list[float | None], frozenset[int]]],
) -> None:
    together, in_turn = Canvas(4, 3, BRAILLE), Canvas(4, 3, BRAILLE)
    extents = [extents_of(values, broken) for values, broken in curves]
    together.draw(strokes(extents, AXIS, together))
    for owner, each in enumerate(extents):
        in_turn.draw(strokes([each], AXIS, in_turn), owner)
    assert (together.dots == in_turn.dots).all()
    assert (together.owner == in_turn.owner).all()


def test_nothing_is_drawn_of_a_curve_without_dots() -> None:
    canvas = Canvas(4, 3, BRAILLE)
    assert not strokes([None, extents_of([None] * 8)], AXIS, canvas).any()
    none, some = strokes([None, extents_of([5.0] * 8)], AXIS, canvas)
    assert not none.any()
    assert some.any()
