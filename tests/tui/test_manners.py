"""Themes and encodings the screen starts with."""

import gc
import io
import sys
from pathlib import Path

import pytest

from tests.tui.driving import until
from tuitrain.tui.glyphs import is_ascii_only, to_ascii
from tuitrain.tui.home_app import HomeApp
from tuitrain.tui.manners import choose_theme


def test_over_ssh_the_terminals_own_colours_are_used() -> None:
    assert choose_theme("textual-dark", {"SSH_CONNECTION": "a 1 b 2"}) == "ansi-dark"
    assert choose_theme("textual-dark", {}) == "textual-dark"


def test_a_theme_that_was_named_goes_before() -> None:
    named = {"SSH_CONNECTION": "a 1 b 2", "TEXTUAL_THEME": "nord"}
    assert choose_theme("nord", named) == "nord"


@pytest.mark.parametrize(
    ("encoding", "is_plain"),
    [("utf-8", False), ("ascii", True), ("iso-8859-1", True), ("koi8-r", True)],
)
def test_the_encoding_decides_which_signs_are_written(
    monkeypatch: pytest.MonkeyPatch, encoding: str, is_plain: bool
) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "__stderr__", stream)
    assert is_ascii_only() is is_plain


def test_signs_keep_their_width_in_ascii() -> None:
    signs = "✓!✗?▶▷·●○▸━─┃∙┅◦×↑★…"
    assert len(to_ascii(signs)) == len(signs)
    assert to_ascii("✓✗▶●") == "+x>*"


async def test_garbage_is_looked_for_again_once_the_first_picture_is_there(
    tmp_path: Path,
) -> None:
    before = gc.get_threshold()
    gc.disable()
    try:
        async with HomeApp(tmp_path, lambda _: False).run_test() as pilot:
            await until(pilot, gc.isenabled)
    finally:
        gc.enable()
        gc.unfreeze()
        gc.set_threshold(*before)
