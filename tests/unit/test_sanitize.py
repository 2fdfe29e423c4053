"""Text from scripts and logs can't act on a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuitrain.units import sanitize


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\x1b[31mred\x1b[0m b", "ared b"),
        ("x\x1b]0;title\x07y", "xy"),
        ("x\x1b]52;c;QUFB\x1b\\y", "xy"),
        ("unterminated \x1b]0;abc", "unterminated 0;abc"),
        ("a\x9b31mb", "ab"),
        ("user\u202eelif", "userelif"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("\ud800x", "x"),
        ("one\ntwo\r\nthree", "one two three"),
        ("ratio 1e-3 – fine × 漢字", "ratio 1e-3 – fine × 漢字"),
    ],
)
def test_what_a_terminal_would_act_on_is_taken_out(text, expected):
    assert sanitize(text) == expected


def test_line_breaks_stay_where_lines_are_wanted():
    assert sanitize("10%\r20%\r\ndone\n\x1b[K", keep_lines=True) == "10%\n20%\ndone\n"


@given(st.text())
def test_nothing_a_terminal_acts_on_is_left_of_any_text(text):
    made_harmless = sanitize(text)
    assert not any(
        ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0
        for character in made_harmless
    )
    assert sanitize(made_harmless) == made_harmless
