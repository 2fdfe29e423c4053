"""What a plot shows through a lens: means, windows, marks, the cursor's readout."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.cells import cell_len

from tuitrain.model import Series
from tuitrain.tui.curves.curve import Curve, Happened
from tuitrain.tui.curves.picture import Kept, Picture, compose_picture
from tuitrain.tui.curves.scale import EvenScale, TimeScale
from tuitrain.tui.lens import Events, GlyphSet, Lens, XUnit
from tuitrain.tui.lines import Line

SIZES = [(40, 12), (60, 15), (80, 24), (120, 40), (300, 100)]


def series(*values: float) -> Series:
    iterations = np.arange(1, len(values) + 1, dtype=np.int64)
    return Series().append(iterations, np.array(values, dtype=float))


def curve(*values: float, **kwargs: Any) -> Curve:
    return Curve("A", "curve-0", series(*values), **kwargs)


def draw(picture: Picture, width: int = 60, height: int = 14) -> list[Line]:
    return compose_picture(picture, width, height)[0]


def text_of(rows: list[Line]) -> str:
    return "\n".join("".join(text for text, _ in row) for row in rows)


def roles_of(rows: list[Line]) -> set[str]:
    return {role for row in rows for text, role in row if text.strip()}


FALLING = [2.0 - 0.01 * i for i in range(200)]
NOISY = [2.0 - 0.01 * i + (i % 7) * 0.1 for i in range(200)]


def test_a_moving_mean_is_drawn_over_the_faint_curve_it_is_made_of() -> None:
    plain = roles_of(draw(Picture((curve(*NOISY),))))
    smooth = roles_of(draw(Picture((curve(*NOISY),), Lens(span=20))))
    assert "faint-0" not in plain
    assert {"curve-0", "faint-0"} <= smooth


def test_without_colour_the_faint_curve_differs_by_its_dots() -> None:
    rows = draw(Picture((curve(*NOISY),), Lens(span=20, glyphs=GlyphSet.ASCII)))
    assert {text.strip(" .") for row in rows for text, r in row if r == "faint-0"} == {
        ""
    }


def test_few_points_of_a_validation_are_not_smoothed() -> None:
    few = curve(1.0, 0.9, 0.8, is_validation=True)
    assert "faint-0" not in roles_of(draw(Picture((few,), Lens(span=5))))


def test_a_window_shows_its_part_and_the_y_axis_follows_it() -> None:
    rows = draw(Picture((curve(*FALLING),), Lens(window=(150.0, 190.0)), reach=200.0))
    text = text_of(rows)
    assert "160" in text
    assert "100" not in text
    assert "2.0" not in text


def test_a_part_without_points_says_how_to_see_all() -> None:
    one = Series().append(np.array([1, 100]), np.array([1.0, 2.0]))
    lens = Lens(window=(40.0, 60.0))
    picture = Picture((Curve("A", "curve-0", one),), lens, reach=100.0)
    assert "0 shows all" in text_of(draw(picture))


def test_the_cursor_reads_every_curve_at_its_place() -> None:
    validation = Curve(
        "A",
        "curve-0",
        Series().append(np.array([50, 100]), np.array([0.75, 0.5])),
        is_validation=True,
        per_epoch=50,
    )
    picture = Picture(
        (validation, curve(*FALLING, per_epoch=50)), Lens(cursor=60.0), reach=200.0
    )
    text = text_of(draw(picture, 80, 24))
    assert "it 60 · epoch 1.20" in text
    assert "A 1.41 it 60 e1.20" in text
    assert "A┅ 0.75 it 50 e1.00" in text


def test_the_cursor_reads_the_mean_too() -> None:
    picture = Picture((curve(*[1.0, 3.0] * 50),), Lens(cursor=100.0, span=20))
    assert "A 3 ≈2" in text_of(draw(picture, 80, 24))


def test_the_cursor_says_nan_where_there_is_one() -> None:
    picture = Picture((curve(1.0, math.nan, 2.0),), Lens(cursor=2.0), reach=3.0)
    assert "A NaN" in text_of(draw(picture))


def test_the_cursor_before_any_point_reads_nothing() -> None:
    late = Curve("A", "", Series().append(np.array([50, 100]), np.array([1.0, 2.0])))
    text = text_of(draw(Picture((late,), Lens(cursor=10.0), reach=100.0)))
    assert "it 10" in text
    assert "A 1" not in text


def test_a_cursor_on_a_time_axis_tells_the_time() -> None:
    scale = TimeScale(np.array([100, 200]), np.array([10.0, 90.0]), 0.0)
    picture = Picture(
        (curve(*FALLING, scale=scale),),
        Lens(unit=XUnit.TIME, cursor=75.0),
        reach=90.0,
    )
    text = text_of(draw(picture))
    assert "01:15" in text
    assert "1m30" in text


def test_little_room_gets_values_without_their_places() -> None:
    curves = tuple(
        Curve(letter, "curve-0", series(*FALLING), per_epoch=10) for letter in "ABCDEF"
    )
    text = text_of(draw(Picture(curves, Lens(cursor=100.0), reach=200.0), 40, 12))
    assert "F 1.01" in text
    assert "e10.00" not in text


def happened(**kwargs: Any) -> Happened:
    lr = series(*[0.1] * 100, *[0.01] * 100)
    return Happened("A", epochs=(50, 100, 150, 200), lr=lr, found=(120,), **kwargs)


@pytest.mark.parametrize(
    ("events", "shown", "hidden"),
    [
        (Events.CHANGES, ["lr 1e-2", "!A", "╎"], ["e2", "┊"]),
        (Events.ALL, ["lr 1e-2", "!A", "╎", "e3", "┊"], []),
        (Events.NONE, [], ["lr 1e-2", "!A", "╎", "e3", "┊"]),
    ],
)
def test_vertical_marks_can_be_chosen(
    events: Events, shown: list[str], hidden: list[str]
) -> None:
    picture = Picture(
        (curve(*FALLING),), Lens(events=events), reach=200.0, happened=happened()
    )
    text = text_of(draw(picture, 90, 16))
    assert [sign for sign in shown if sign not in text] == []
    assert [sign for sign in hidden if sign in text] == []


def test_epochs_are_no_marks_where_they_are_what_the_axis_counts() -> None:
    scale = EvenScale(1 / 50)
    lens = Lens(events=Events.ALL, unit=XUnit.EPOCHS)
    picture = Picture((curve(*FALLING, scale=scale),), lens, 4.0, happened(scale=scale))
    text = text_of(draw(picture, 90, 16))
    assert "┊" not in text
    assert "lr 1e-2" in text


def test_a_thousand_epochs_get_few_marks() -> None:
    epochs = tuple(range(1, 1001))
    picture = Picture(
        (curve(*[1.0] * 1000),),
        Lens(events=Events.ALL),
        reach=1000.0,
        happened=Happened("A", epochs=epochs),
    )
    text = text_of(draw(picture, 90, 16))
    assert "e500" in text
    assert text.splitlines()[0].count("┊") < 15


def test_an_lr_that_drifts_gets_no_mark() -> None:
    drifting = series(*[0.1 * 0.99**i for i in range(200)])
    picture = Picture(
        (curve(*FALLING),), reach=200.0, happened=Happened("A", lr=drifting)
    )
    assert "lr " not in text_of(draw(picture, 90, 16))


@pytest.mark.parametrize(("falls", "at"), [(True, 120), (False, 40)])
def test_the_best_value_has_a_star(falls: bool, at: int) -> None:
    values = [1.0 + 0.001 * (i % 5) for i in range(200)]
    values[39], values[119] = 1.9, 0.1
    own = curve(*values)
    rows = draw(Picture((own,), best_of=own, falls=falls, reach=200.0), 86, 16)
    (column,) = [row.index("★") for row in text_of(rows).splitlines() if "★" in row]
    assert column == pytest.approx(6 + at / 200 * 79, abs=1)


def test_each_gap_says_what_was_measured_there() -> None:
    values = [1.0] * 200
    values[30], values[90], values[150] = math.nan, math.inf, -math.inf
    text = text_of(draw(Picture((curve(*values),)), 90, 16))
    assert [word for word in ("×A NaN", "×A Inf", "×A -Inf") if word not in text] == []


def test_a_new_point_leaves_frame_and_axes_as_they_are() -> None:
    values = [2.0 / (1 + 0.05 * i) for i in range(1000)]
    kept: Kept | None = None
    frames = set()
    grown = Series()
    for start in range(0, 1000, 10):
        grown = grown.append(
            np.arange(start + 1, start + 11), np.array(values[start : start + 10])
        )
        picture = Picture((Curve("A", "curve-0", grown),), reach=float(start + 10))
        rows, kept = compose_picture(picture, 60, 14, kept)
        frames.add((text_of(rows[-2:]), tuple(row[0] for row in rows)))
    # The axis of iterations grows a few times a decade; nothing else moves it.
    assert len({bottom for bottom, _ in frames}) < 20


AWKWARD = [
    [],
    [0.5],
    [3.0] * 50,
    [0.0] * 50,
    [math.nan] * 5,
    [math.inf, -math.inf],
    [1.0, 2.0, math.nan, 3.0],
    [1e308, -1e308],
    [5e-324, 1e-320],
    [1.0, 2.0, 1e12],
    [0.0, 1.0, -1.0, 1e-9],
    [1.0, 1.0 + 1e-15],
]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("glyphs", GlyphSet)
def test_no_numbers_crash_a_plot_however_it_is_looked_at(
    glyphs: GlyphSet, size: tuple[int, int]
) -> None:
    lenses = [
        Lens(log_y=log_y, span=span, window=window, cursor=cursor, events=Events.ALL)
        for log_y in (False, True)
        for span in (0, 5)
        for window, cursor in ((None, None), ((1.0, 3.0), 2.0), ((2.5, 2.6), None))
    ]
    for values in AWKWARD:
        own = curve(*values)
        other = curve(*values, is_validation=True)
        for lens in lenses:
            picture = Picture(
                (other, own),
                replace(lens, glyphs=glyphs),
                reach=float(len(values)),
                happened=Happened("A", epochs=(1, 2), lr=own.series, found=(2,)),
                best_of=own,
            )
            rows = draw(picture, *size)
            assert len(rows) == size[1]
            assert all(cell_len(text_of([row])) <= size[0] for row in rows)


@settings(deadline=None, max_examples=60)
@given(
    values=st.lists(st.floats(), max_size=80),
    low=st.floats(0, 80),
    span=st.floats(1e-3, 100),
    mean=st.sampled_from([0, 5, 1000]),
    log_y=st.booleans(),
    width=st.integers(1, 130),
    height=st.integers(1, 40),
    glyphs=st.sampled_from(GlyphSet),
)
def test_any_numbers_can_be_looked_at_in_any_way(
    values: list[float],
    low: float,
    span: float,
    mean: int,
    log_y: bool,
    width: int,
    height: int,
    glyphs: GlyphSet,
) -> None:
    lens = Lens(
        window=(low, low + span),
        cursor=low + span / 3,
        span=mean,
        log_y=log_y,
        glyphs=glyphs,
    )
    own = curve(*values)
    picture = Picture((own,), lens, reach=float(len(values)), best_of=own)
    kept: Kept | None = None
    for _ in range(2):
        rows, kept = compose_picture(picture, width, height, kept)
        if width >= 12:
            assert all(cell_len(text_of([row])) <= width for row in rows)
