"""Rows of text: cut, wrapped, compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tuitrain.tui.lines import (
    Line,
    changed_cells,
    crop,
    fit,
    justify,
    line,
    pad,
    width_of,
    wrap,
)

TEXTS = st.text(st.sampled_from("ab ─日e\u0301語…"), max_size=12)
ROWS = st.lists(st.tuples(TEXTS, st.sampled_from(["", "good", "bad"])), max_size=5).map(
    tuple
)


def cells_of(row: Line, width: int) -> list[tuple[str, str]]:
    """Each cell of a row with its role, blank ones included."""
    cells: list[tuple[str, str]] = []
    for text, role in row:
        for character in text:
            size = cell_len(character)
            cells += [(character, role)] * size
    return (cells + [(" ", "")] * width)[:width]


@given(TEXTS, st.integers(0, 15))
def test_a_cropped_text_never_exceeds_its_width(text: str, width: int) -> None:
    assert cell_len(crop(text, width)) <= width
    assert cell_len(crop(text, width, keep_end=True)) <= width


@given(TEXTS, st.integers(1, 15), st.booleans())
def test_a_padded_text_has_exactly_its_width(
    text: str, width: int, right: bool
) -> None:
    assert cell_len(pad(text, width, right=right)) == width


@given(ROWS, st.integers(0, 20))
def test_a_fitted_row_never_exceeds_its_width(row: Line, width: int) -> None:
    assert width_of(fit(row, width)) <= width


def test_a_row_that_fits_is_left_as_it_is() -> None:
    row = line("loss ", ("0.1", "good"))
    assert fit(row, 8) == row


def test_a_cut_row_says_that_something_is_missing() -> None:
    assert fit(line("a long row"), 6) == line("a lon…")


def test_the_right_part_of_a_row_goes_when_there_is_no_room() -> None:
    assert justify(line("left"), line("right"), 8) == line("left")
    assert width_of(justify(line("left"), line("right"), 12)) == 12


def test_wrapping_keeps_every_word_and_the_indent() -> None:
    rows = wrap("the loss does not go down", 12, first=line("! "), indent=2)
    assert [width_of(row) <= 12 for row in rows] == [True] * len(rows)
    text = " ".join("".join(t for t, _ in row).strip("! ") for row in rows)
    assert text == "the loss does not go down"
    assert all("".join(t for t, _ in row).startswith("  ") for row in rows[1:])


def test_a_word_longer_than_the_row_is_broken() -> None:
    rows = wrap("x" * 30, 12)
    assert "".join(t for row in rows for t, _ in row) == "x" * 30
    assert len(rows) == 3


@pytest.mark.parametrize("text", ["[bold]x[/]", "[/", "\x1b[31mred", "a\nb\x9bc"])
def test_wrapped_text_of_foreign_origin_is_inert(text: str) -> None:
    shown = "".join(t for row in wrap(text, 40) for t, _ in row)
    assert shown.isprintable()


@given(ROWS, ROWS)
def test_outside_the_changed_cells_two_rows_are_equal(old: Line, new: Line) -> None:
    width = 60
    changed = changed_cells(old, new, width)
    first, end = changed if changed is not None else (0, 0)
    before, after = cells_of(old, width), cells_of(new, width)
    assert before[:first] == after[:first]
    assert before[end:] == after[end:]


def test_equal_rows_have_no_changed_cells() -> None:
    assert changed_cells(line("a", ("b", "good")), line("a", ("b", "good")), 9) is None
