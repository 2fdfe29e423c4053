"""Zoom, pan, cursor and smoothing: laws of the lens, whatever is pressed."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuitrain.tui.lens import SPANS, Events, GlyphSet, Lens, XUnit

REACH = st.floats(1e-3, 1e9)
PRESSES: dict[str, Callable[[Lens, float], Lens]] = {
    "closer": lambda lens, reach: lens.zoomed(reach, 0.5),
    "farther": lambda lens, reach: lens.zoomed(reach, 2.0),
    "left": lambda lens, reach: lens.panned(reach, -0.25),
    "right": lambda lens, reach: lens.panned(reach, 0.25),
    "read left": lambda lens, reach: lens.cursor_moved(reach, -1),
    "read far right": lambda lens, reach: lens.cursor_moved(reach, 10),
}
WALKS = st.lists(st.sampled_from(sorted(PRESSES)), max_size=60)


def walked(lens: Lens, reach: float, presses: list[str]) -> Lens:
    for press in presses:
        lens = PRESSES[press](lens, reach)
    return lens


@given(REACH, WALKS, st.sampled_from(XUnit))
def test_whatever_is_pressed_a_part_of_what_there_is_is_shown(
    reach: float, presses: list[str], unit: XUnit
) -> None:
    lens = walked(Lens(unit=unit), reach, presses)
    low, high = lens.shown(reach)
    slack = 1e-9 * reach
    assert -slack <= low < high <= reach + slack
    if lens.cursor is not None:
        assert 0 <= lens.cursor <= reach + 0.5


@given(REACH, WALKS)
def test_the_cursor_is_in_sight_after_it_was_moved(
    reach: float, presses: list[str]
) -> None:
    lens = walked(Lens(unit=XUnit.TIME), reach, [*presses, "read left"])
    low, high = lens.shown(reach)
    assert lens.cursor is not None
    assert low - 1e-6 * reach <= lens.cursor <= high + 1e-6 * reach


@given(REACH, WALKS)
def test_reset_shows_everything_and_reads_nowhere(
    reach: float, presses: list[str]
) -> None:
    lens = walked(Lens(), reach, presses).reset()
    assert lens.shown(reach) == (0.0, reach)
    assert lens.cursor is None


def test_zooming_in_halves_what_is_shown_and_out_again_shows_it_all() -> None:
    lens = Lens().zoomed(1000.0, 0.5)
    assert lens.window == (250.0, 750.0)
    assert lens.zoomed(1000.0, 2.0).window is None


def test_zooming_keeps_the_cursor_where_it_stands() -> None:
    lens = Lens(cursor=800.0).zoomed(1000.0, 0.5)
    low, high = lens.shown(1000.0)
    assert (800.0 - low) / (high - low) == pytest.approx(0.8)


def test_no_zoom_goes_between_iterations() -> None:
    lens = Lens()
    for _ in range(100):
        lens = lens.zoomed(1000.0, 0.5)
    low, high = lens.shown(1000.0)
    assert high - low == 4.0


def test_panning_stops_at_both_ends() -> None:
    lens = walked(Lens(window=(400.0, 600.0)), 1000.0, ["right"] * 50)
    assert lens.window == (800.0, 1000.0)
    assert walked(lens, 1000.0, ["left"] * 50).window == (0.0, 200.0)


def test_the_first_press_reads_at_the_newest_point() -> None:
    assert Lens().cursor_moved(1000.0, -1).cursor == 1000.0


def test_the_cursor_stands_on_whole_iterations() -> None:
    lens = walked(Lens(), 37.0, ["read left"] * 5)
    assert lens.cursor is not None
    assert lens.cursor == int(lens.cursor)


def test_what_is_shown_follows_a_cursor_that_leaves_it() -> None:
    lens = Lens(window=(100.0, 200.0), cursor=200.0).cursor_moved(1000.0, 10)
    low, high = lens.shown(1000.0)
    assert lens.cursor == high
    assert high - low == pytest.approx(100.0)


def test_a_window_beyond_the_curves_is_not_used() -> None:
    assert Lens(window=(500.0, 600.0)).shown(80.0) == (0.0, 80.0)


def test_spans_of_the_mean_go_round_and_are_shorter_than_the_curve() -> None:
    lens, seen = Lens(), []
    for _ in range(6):
        lens = lens.smoothed(300, 1)
        seen.append(lens.span)
    assert seen == [5, 20, 50, 200, 0, 5]
    assert Lens().smoothed(300, -1).span == 200
    assert Lens(span=50).smoothed(300, -1).span == 20


@given(st.integers(0, 10**8), st.integers(0, 20))
def test_every_span_can_be_left_again(iterations: int, presses: int) -> None:
    lens = Lens()
    for _ in range(presses):
        lens = lens.smoothed(iterations, 1)
    for _ in SPANS:
        if lens.span == 0:
            break
        lens = lens.smoothed(iterations, 1)
    assert lens.span == 0


def test_another_unit_shows_everything_since_places_mean_something_else() -> None:
    lens = Lens(window=(10.0, 20.0), cursor=12.0).with_next_unit()
    assert lens == Lens(unit=XUnit.EPOCHS)
    assert lens.with_next_unit().with_next_unit() == Lens()


def test_marks_and_glyphs_go_round() -> None:
    lens = Lens()
    for _ in Events:
        lens = lens.with_next_events()
    for _ in GlyphSet:
        lens = lens.with_next_glyphs()
    assert lens == Lens()
