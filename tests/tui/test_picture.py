"""Plots of awkward numbers in awkward sizes."""

import builtins
import math
import sys
from typing import Any

import numpy as np
import plotext
import pytest
from rich.cells import cell_len

from tuitrain.model import Series
from tuitrain.tui.curves import frame
from tuitrain.tui.curves.axis import count_axis, linear_axis
from tuitrain.tui.curves.curve import Curve
from tuitrain.tui.curves.frame import draw_frame
from tuitrain.tui.curves.picture import Picture, compose_picture
from tuitrain.tui.curves.scale import EvenScale
from tuitrain.tui.lens import GlyphSet, Lens
from tuitrain.tui.lines import Line


def series(*values: float) -> Series:
    iterations = np.arange(1, len(values) + 1, dtype=np.int64)
    return Series().append(iterations, np.array(values, dtype=float))


def draw(
    *curves: Curve,
    width: int = 50,
    height: int = 12,
    **look: Any,
) -> list[Line]:
    picture = Picture(curves, Lens(**look))
    return compose_picture(picture, width, height)[0]


def text_of(rows: list[Line]) -> str:
    return "\n".join("".join(text for text, _ in row) for row in rows)


def curve(*values: float, letter: str = "A", **kwargs: Any) -> Curve:
    return Curve(letter, f"curve-{ord(letter) - 65}", series(*values), **kwargs)


AWKWARD = {
    "one point": [0.5],
    "constant": [3.0] * 50,
    "all zero": [0.0] * 50,
    "only NaN": [math.nan] * 5,
    "only Inf": [math.inf, -math.inf],
    "NaN in between": [1.0, 2.0, math.nan, 3.0],
    "NaN at the end": [1.0, 2.0, math.nan],
    "Inf at the end": [1.0, 2.0, math.inf],
    "largest": [1e308, -1e308],
    "smallest": [5e-324, 1e-320],
    "far off": [1.0, 2.0, 1e12],
    "negative": [-1.0, -2.0],
    "alternating": [(-1.0) ** i for i in range(300)],
    "tiny differences": [1.0, 1.0 + 1e-15],
}


@pytest.mark.parametrize("log_y", [False, True])
@pytest.mark.parametrize("glyphs", GlyphSet)
@pytest.mark.parametrize("name", AWKWARD)
def test_no_numbers_crash_a_plot(name: str, log_y: bool, glyphs: GlyphSet) -> None:
    for width, height in [(1, 1), (5, 3), (11, 4), (40, 9), (120, 30)]:
        rows = draw(
            curve(*AWKWARD[name]),
            curve(*AWKWARD[name], is_validation=True),
            width=width,
            height=height,
            log_y=log_y,
            glyphs=glyphs,
        )
        drawn = [row for row in rows[:height] if cell_len(text_of([row])) > width]
        assert drawn == [] or width < 8


def test_a_plot_without_points_says_so() -> None:
    assert "no points yet" in text_of(draw())


def test_a_plot_of_nothing_finite_says_why_it_is_empty() -> None:
    assert "NaN" in text_of(draw(curve(math.nan, math.nan)))


def test_where_a_curve_stops_being_finite_there_is_a_mark_with_its_letter() -> None:
    rows = draw(
        curve(*[2.0 - 0.01 * i for i in range(50)], *[math.nan] * 50, letter="C")
    )
    assert "×C NaN" in text_of(rows)
    assert ("×C NaN", "bad") in [span for row in rows for span in row]


def test_infinity_is_told_from_nan() -> None:
    assert "×A Inf" in text_of(draw(curve(1.0, 2.0, math.inf, math.nan)))


def test_every_curve_ends_with_its_letter_and_has_its_role() -> None:
    falling = [2.0 - 0.01 * i for i in range(100)]
    rows = draw(curve(*falling), curve(*(v + 1 for v in falling), letter="B"))
    spans = [span for row in rows for span in row]
    assert any(role == "curve-0" and text.endswith("A") for text, role in spans)
    assert any(role == "curve-1" and text.endswith("B") for text, role in spans)


def test_training_is_a_line_and_validation_is_points() -> None:
    assert "◦" not in text_of(draw(curve(1.0, 2.0, 3.0)))
    assert "◦" in text_of(draw(curve(1.0, 2.0, 3.0, is_validation=True)))


def test_a_plot_in_ascii_holds_no_braille() -> None:
    text = text_of(draw(curve(*range(50)), glyphs=GlyphSet.ASCII))
    assert not any(0x2800 <= ord(character) < 0x2900 for character in text)


def test_a_spike_does_not_flatten_the_rest_and_its_value_is_written() -> None:
    text = text_of(draw(curve(2.0, 2.1, 900.0, *[2.0 - 0.01 * i for i in range(100)])))
    assert "↑900" in text
    assert "500" not in text


def test_the_axis_of_epochs_is_shorter_than_that_of_iterations() -> None:
    values = [1.0] * 400
    assert "400" in text_of(draw(curve(*values)))
    by_epoch = text_of(draw(curve(*values, scale=EvenScale(1 / 100))))
    assert "400" not in by_epoch
    assert "4" in by_epoch


def test_plotext_never_sees_a_data_point(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a data point was handed to plotext")

    draw_frame.cache_clear()
    for name in ("signal", "draw"):
        monkeypatch.setattr(type(plotext.figure), name, refuse)
    assert "┤" in text_of(draw(curve(1.0, 2.0, math.nan)))


def test_the_box_is_found_without_plotexts_private_name() -> None:
    known = draw_frame(50, 12, count_axis(100, 5), linear_axis(0.0, 2.0, 4))
    box = known.left, known.top, known.width, known.height
    assert frame._find_box(object(), known.rows) == box


def test_without_plotexts_kernel_curves_are_drawn_and_the_reason_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = builtins.__import__

    def no_kernel(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "plotext":
            raise ImportError("no compiled kernel")
        return original(name, *args, **kwargs)

    draw_frame.cache_clear()
    monkeypatch.delitem(sys.modules, "plotext")
    monkeypatch.setattr(builtins, "__import__", no_kernel)
    text = text_of(draw(curve(*range(50)), width=100))
    monkeypatch.undo()
    draw_frame.cache_clear()
    assert "plotext can't be loaded here (no compiled kernel)" in text
    assert any(0x2800 < ord(character) < 0x2900 for character in text)
