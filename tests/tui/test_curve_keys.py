"""Each key of the curves does what the help says."""

from functools import partial
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.tui.builder import StudyBuilder
from tests.tui.driving import replay_app, show_end, until
from tests.tui.studies import build_coarse_grid
from tuitrain.events import Step
from tuitrain.tui.app import TuitrainApp
from tuitrain.tui.keys import ALL_KEYS, KeyGroup
from tuitrain.tui.lens import Events, GlyphSet, Lens, XUnit
from tuitrain.tui.lines_pane import LinesPane
from tuitrain.tui.screens.main import MainScreen

PRESSES = [
    (["y"], Lens(log_y=True)),
    (["y", "y"], Lens()),
    (["x"], Lens(unit=XUnit.EPOCHS)),
    (["x", "x"], Lens(unit=XUnit.TIME)),
    (["x", "x", "x"], Lens()),
    (["w", "w"], Lens(span=20)),
    (["w", "w", "W"], Lens(span=5)),
    (["i"], Lens(window=(9.0, 27.0))),
    (["i", "I"], Lens()),
    (["i", "left_parenthesis"], Lens(window=(4.5, 22.5))),
    (["i", "right_parenthesis"], Lens(window=(13.5, 31.5))),
    (["left_square_bracket"], Lens(cursor=36.0)),
    (["left_square_bracket", "left_square_bracket"], Lens(cursor=35.0)),
    (["left_curly_bracket", "left_curly_bracket"], Lens(cursor=26.0)),
    (["left_curly_bracket"] * 2 + ["right_square_bracket"], Lens(cursor=27.0)),
    (["left_curly_bracket"] * 3 + ["right_curly_bracket"], Lens(cursor=26.0)),
    (["i", "left_square_bracket", "0"], Lens()),
    (["v"], Lens(events=Events.ALL)),
    (["v", "v"], Lens(events=Events.NONE)),
    (["b"], Lens(glyphs=GlyphSet.BLOCK)),
    (["b", "b"], Lens(glyphs=GlyphSet.ASCII)),
]


async def shown_main(app: TuitrainApp, pilot: Pilot[str]) -> MainScreen:
    await show_end(app, pilot)
    screen = app.screen
    assert isinstance(screen, MainScreen)
    return screen


def text_of(app: TuitrainApp, pane: str) -> str:
    shown = app.screen.query_one(f"#{pane}", LinesPane)
    return "\n".join(shown.render_line(y).text for y in range(shown.size.height))


def reads(app: TuitrainApp, pane: str, words: str) -> bool:
    return words in text_of(app, pane)


def has_size(app: TuitrainApp, size: tuple[int, int]) -> bool:
    return tuple(app.screen.size) == size


async def test_a_key_changes_how_the_curves_are_looked_at(tmp_path: Path) -> None:
    build_coarse_grid(tmp_path / "digits").close()
    app = replay_app(tmp_path / "digits")
    async with app.run_test(size=(120, 36)) as pilot:
        screen = await shown_main(app, pilot)
        untouched = screen.view
        for keys, lens in PRESSES:
            screen.view = untouched
            await pilot.press(*keys)
            got = screen.view.lens
            assert got == lens, keys


def test_every_key_of_the_curves_is_tested() -> None:
    pressed = {key for keys, _ in PRESSES for key in keys}
    curves = {key.keys for key in ALL_KEYS if key.group is KeyGroup.CURVES}
    assert curves == pressed


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
async def test_both_plots_move_in_step(tmp_path: Path, size: tuple[int, int]) -> None:
    build_coarse_grid(tmp_path / "digits").close()
    app = replay_app(tmp_path / "digits")
    async with app.run_test(size=size) as pilot:
        await shown_main(app, pilot)
        await pilot.press("i", "left_curly_bracket", "w", "w")
        for pane in ("loss", "accuracy"):
            await until(pilot, partial(reads, app, pane, "it 27 "))
            assert "≈" in text_of(app, pane)
            title = str(app.screen.query_one(f"#{pane}").border_title)
            assert "mean of 20" in title
            await pilot.press("tab")


async def test_what_the_terminal_can_not_write_is_not_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuitrain.tui.base_app.is_ascii_only", lambda: True)
    build_coarse_grid(tmp_path / "digits").close()
    app = replay_app(tmp_path / "digits")
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        screen = await shown_main(app, pilot)
        await pilot.press("b")
        await until(pilot, lambda: len(app._notifications) == 1)
        assert screen.view.lens == Lens()
        await pilot.press("w", "i", "left_square_bracket", "v")
        await pilot.pause()
        assert text_of(app, "loss").isascii()


async def test_the_glyphs_are_those_that_were_chosen(tmp_path: Path) -> None:
    build_coarse_grid(tmp_path / "digits").close()
    app = replay_app(tmp_path / "digits")
    async with app.run_test(size=(120, 36)) as pilot:
        await shown_main(app, pilot)
        assert any(0x2800 < ord(c) < 0x2900 for c in text_of(app, "loss"))
        await pilot.press("b")
        await until(pilot, lambda: bool(set(text_of(app, "loss")) & set("▘▝▖▚▞▄▀")))
        assert not any(0x2800 < ord(c) < 0x2900 for c in text_of(app, "loss"))
        await pilot.press("b")
        await until(pilot, lambda: text_of(app, "loss").isascii())


async def test_keys_without_any_curve_say_so(tmp_path: Path) -> None:
    study = StudyBuilder(tmp_path / "digits")
    study.enter(Step.INITIAL_LOSS)
    study.close()
    app = replay_app(tmp_path / "digits")
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        screen = await shown_main(app, pilot)
        await pilot.press("i", "left_parenthesis", "left_square_bracket")
        await until(pilot, lambda: len(app._notifications) == 3)
        await pilot.press("w", "x", "v", "0")
        assert screen.view.lens.window is None


async def test_any_look_survives_any_size(tmp_path: Path) -> None:
    build_coarse_grid(tmp_path / "digits").close()
    app = replay_app(tmp_path / "digits")
    async with app.run_test(size=(120, 36)) as pilot:
        await shown_main(app, pilot)
        await pilot.press("i", "left_square_bracket", "w", "v", "x", "x")
        for size in ((40, 12), (300, 100), (80, 24), (41, 13), (120, 36)):
            await pilot.resize_terminal(*size)
            await until(pilot, partial(has_size, app, size))
            await pilot.press("b")
            for pane in ("loss", "accuracy"):
                text_of(app, pane)
