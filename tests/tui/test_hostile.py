"""Hostile texts, crowds and strange sizes: nothing crashes, nothing leaks."""

import re
from functools import partial
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot

from tests.tui.builder import StudyBuilder
from tests.tui.driving import replay_app, show_end, until
from tests.tui.studies import (
    build_coarse_grid,
    build_crowd,
    build_hostile,
    build_learning_curves,
    build_odd_numbers,
)
from tuitrain.tui.app import TuitrainApp
from tuitrain.tui.lines_pane import LinesPane
from tuitrain.tui.screens.log import to_rows
from tuitrain.tui.screens.main import MainScreen

SIZES = [(40, 12), (80, 24), (99, 40), (100, 24), (120, 36), (300, 100)]

UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
BUILDERS = [
    build_coarse_grid,
    build_learning_curves,
    build_hostile,
    build_odd_numbers,
    build_crowd,
]
CURVE_KEYS = "yxxiI[{}]wwwWvvbbyb0"
"""Log axis, every unit, zoom, reading, smoothing, marks, every set of glyphs."""


def check_rows(app: TuitrainApp) -> None:
    """No row holds a control character, and none is wider than its pane."""
    for pane in app.screen.query(LinesPane):
        for y in range(pane.size.height):
            text = pane.render_line(y).text
            assert not UNSAFE.search(text), text
            assert cell_len(text) == pane.size.width


def has_size(app: TuitrainApp, size: tuple[int, int]) -> bool:
    return tuple(app.screen.size) == size


async def visit_all(app: TuitrainApp, pilot: Pilot[str]) -> None:
    """Look at every pane and every screen."""
    main = app.screen
    for _ in range(6):
        await pilot.press("tab")
        await pilot.pause()
        check_rows(app)
    for key in CURVE_KEYS:
        await pilot.press(key)
        check_rows(app)
    for key in ("t", "l", "g", "e", "u", "question_mark"):
        await pilot.press(key)
        await until(pilot, lambda: app.screen is not main)
        await pilot.press("end")
        await pilot.pause()
        check_rows(app)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is main)


@pytest.mark.parametrize("size", [(80, 24), (120, 36)], ids=str)
@pytest.mark.parametrize("build", BUILDERS, ids=lambda b: b.__name__)
async def test_every_screen_shows_every_study_safely(
    tmp_path: Path, build: object, size: tuple[int, int]
) -> None:
    assert callable(build)
    build(tmp_path / "study").close()
    app = replay_app(tmp_path / "study")
    async with app.run_test(size=size) as pilot:
        await show_end(app, pilot)
        await visit_all(app, pilot)


async def test_any_size_can_follow_any_other(tmp_path: Path) -> None:
    build_learning_curves(tmp_path / "study").close()
    app = replay_app(tmp_path / "study")
    async with app.run_test(size=(120, 36)) as pilot:
        await show_end(app, pilot)
        for size in (*SIZES, *reversed(SIZES), (1, 1), (120, 36)):
            await pilot.resize_terminal(*size)
            await until(pilot, partial(has_size, app, size))
            check_rows(app)


async def test_a_study_without_any_trial_is_shown(tmp_path: Path) -> None:
    StudyBuilder(tmp_path / "study").close()
    app = replay_app(tmp_path / "study")
    async with app.run_test(size=(120, 36)) as pilot:
        await show_end(app, pilot)
        check_rows(app)
        await pilot.press("m", "t", "l", "up", "down", "pagedown")
        assert isinstance(app.screen, MainScreen)


async def test_a_lone_trial_folder_is_shown(tmp_path: Path) -> None:
    build_coarse_grid(tmp_path / "study").close()
    app = replay_app(tmp_path / "study" / "trials" / "0018")
    async with app.run_test(size=(120, 36)) as pilot:
        await show_end(app, pilot)
        assert app.study is not None
        assert [trial.trial for trial in app.study.trials] == ["0018"]
        await visit_all(app, pilot)


async def test_every_character_is_ascii_where_only_ascii_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuitrain.tui.base_app.is_ascii_only", lambda: True)
    build_learning_curves(tmp_path / "study").close()
    app = replay_app(tmp_path / "study")
    async with app.run_test(size=(120, 36)) as pilot:
        await show_end(app, pilot)
        for pane in app.screen.query(LinesPane):
            for y in range(pane.size.height):
                assert pane.render_line(y).text.isascii()


async def test_without_colours_every_state_still_has_its_sign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    build_learning_curves(tmp_path / "study").close()
    app = replay_app(tmp_path / "study")
    async with app.run_test(size=(120, 36)) as pilot:
        await show_end(app, pilot)
        pane = app.screen.query_one("#checklist", LinesPane)
        text = "\n".join(pane.render_line(y).text for y in range(pane.size.height))
        assert "✓ 1 initial loss" in text
        assert "! 6 learning curves" in text


async def test_only_rows_that_changed_are_painted_anew(tmp_path: Path) -> None:
    build_coarse_grid(tmp_path / "study").close()
    app = replay_app(tmp_path / "study")
    async with app.run_test(size=(120, 36)) as pilot:
        await show_end(app, pilot)
        painted: list[object] = []
        for pane in app.screen.query(LinesPane):
            pane.refresh = lambda *regions, **_: painted.append(regions)  # type: ignore[method-assign,assignment]
        assert app.study is not None
        app.study = app.study
        assert painted == []


def test_a_carriage_return_starts_a_line_of_a_log_over() -> None:
    rows = to_rows("10 %\r50 %\r100 %\r\nnext\x1b[2J\n", is_cut=False)
    assert [text for row in rows for text, _ in row] == ["100 %", "next"]
