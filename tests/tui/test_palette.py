"""The palette offers what keys do, themes have names, pictures stand on their own."""

from pathlib import Path

import pytest
from textual.color import Color
from textual.command import CommandList, CommandPalette

from tests.tui.driving import replay_app, show_end, until
from tests.tui.studies import build_coarse_grid
from tuitrain.tui.app import TuitrainApp
from tuitrain.tui.base_app import without_web_fonts
from tuitrain.tui.run import run_replay
from tuitrain.tui.screens.grid import GridScreen
from tuitrain.tui.terms import Terms


def has_found(app: TuitrainApp, text: str) -> bool:
    hits = app.screen.query_one(CommandList)
    return hits.option_count > 0 and text in str(hits.get_option_at_index(0).prompt)


async def test_what_a_key_does_is_found_by_typing(tmp_path: Path) -> None:
    build_coarse_grid(tmp_path / "digits").close()
    app = replay_app(tmp_path / "digits")
    async with app.run_test(size=(80, 24)) as pilot:
        await show_end(app, pilot)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        await pilot.press(*"as a map")
        await until(pilot, lambda: has_found(app, "as a map"))
        await pilot.press("enter", "enter")
        await until(pilot, lambda: isinstance(app.screen, GridScreen))


async def test_a_theme_is_found_by_its_name(tmp_path: Path) -> None:
    build_coarse_grid(tmp_path / "digits").close()
    app = replay_app(tmp_path / "digits")
    async with app.run_test(size=(80, 24)) as pilot:
        await show_end(app, pilot)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        await pilot.press(*"nord")
        await until(pilot, lambda: has_found(app, "theme nord"))
        await pilot.press("enter", "enter")
        await until(pilot, lambda: app.theme == "nord")


def test_a_theme_that_does_not_exist_is_refused_with_the_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_replay(tmp_path, terms=Terms(theme="nrod")) == 2
    assert "no such theme; there are ansi-dark" in capsys.readouterr().err


async def test_a_picture_asks_no_host_for_its_letters(tmp_path: Path) -> None:
    build_coarse_grid(tmp_path / "digits").close()
    app = replay_app(tmp_path / "digits")
    async with app.run_test(size=(80, 24)) as pilot:
        await show_end(app, pilot)
        picture = app.export_screenshot()
    assert "font-face" not in picture
    assert "monospace" in picture
    assert "http" not in picture.replace("http://www.w3.org/2000/svg", "").replace(
        "https://www.textualize.io", ""
    )


def test_only_the_rules_for_fonts_are_left_out() -> None:
    svg = "<style>\n @font-face {\n src: url('x');\n }\n .a { fill: red }\n</style>"
    assert without_web_fonts(svg) == "<style>\n .a { fill: red }\n</style>"


async def test_without_colours_nothing_is_painted_in_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    build_coarse_grid(tmp_path / "digits").close()
    app = replay_app(tmp_path / "digits")
    async with app.run_test(size=(80, 24)) as pilot:
        await show_end(app, pilot)
        assert app.native_ansi_color
        strips = app.screen._compositor.render_strips()
        for strip in strips:
            for segment in app._filters[-1].apply(list(strip), Color(0, 0, 0)):
                color = segment.style.color if segment.style is not None else None
                assert color is None or color.is_default
