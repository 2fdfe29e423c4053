"""The trials as a table: sorted, looked for, compared; no two columns touch."""

import re
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.tui.builder import StudyBuilder
from tests.tui.driving import replay_app, show_end, until
from tests.tui.studies import (
    build_coarse_grid,
    build_crowd,
    build_hostile,
    build_learning_curves,
)
from tuitrain.events import Step, TrialLimits
from tuitrain.model import StudyModel, TrialState, fold_all
from tuitrain.sources import StudySource
from tuitrain.study import Study
from tuitrain.tui.panes.trials import TrialsPane
from tuitrain.tui.panes.typing_line import TypingLine
from tuitrain.tui.screens.compare import CompareScreen
from tuitrain.tui.screens.main import MainScreen
from tuitrain.tui.table import COLUMNS, heading, next_sort, short_number, table_rows
from tuitrain.tui.view import View, cursor_trial


def read(path: Path) -> Study:
    records = StudySource(path).read_all()
    return Study(fold_all(StudyModel(), sorted(records, key=lambda r: r.at_s)))


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Study:
    path: Path = tmp_path_factory.mktemp("study") / "digits"
    build_coarse_grid(path).close()
    return read(path)


def column(title: str):
    return next(c for c in COLUMNS if c.title == title)


@pytest.mark.parametrize("title", [c.title for c in COLUMNS])
def test_every_column_sorts_both_ways_and_what_is_unknown_goes_last(
    grid: Study, title: str
) -> None:
    up = table_rows(grid, View(sort=title))
    down = table_rows(grid, View(sort=title, is_reversed=True))
    assert len(up) == len(down) == 9
    keys = [column(title).sort_key(s.trial) for s in up]
    known = [key for key in keys if key is not None]
    assert known == sorted(known)
    assert keys[len(known) :] == [None] * (len(keys) - len(known))
    turned = [column(title).sort_key(s.trial) for s in down][: len(known)]
    assert turned == known[::-1]


def test_sorting_changes_no_letter(grid: Study) -> None:
    letters = {s.trial.trial: s.letter for s in table_rows(grid, View())}
    for s in table_rows(grid, View(sort="val loss", is_reversed=True)):
        assert letters[s.trial.trial] == s.letter


def test_the_key_goes_through_all_columns_that_are_shown(grid: Study) -> None:
    view, seen = View(), []
    for _ in range(20):
        view = next_sort(grid, view)
        seen.append(view.sort)
    cycle = ["lr", "wd", "made", "loss", "acc", "val loss", "val acc", "ratio"]
    assert seen[:11] == [*cycle, "time", "state", ""]
    assert seen[11] == "lr"


@pytest.mark.parametrize(
    ("words", "count"),
    [
        ("running", 2),
        ("queued", 1),
        ("lr=1e-2", 3),
        ("lr=1e-2 wd=0", 1),
        ("COARSE", 9),
        ("nothing like it", 0),
        ("", 9),
    ],
)
def test_rows_are_found_by_their_words(grid: Study, words: str, count: int) -> None:
    assert len(table_rows(grid, View(looked_for=words))) == count


def test_the_cursor_is_on_a_row_that_is_shown(grid: Study) -> None:
    chosen = cursor_trial(grid, View(looked_for="queued"))
    assert chosen is not None
    assert chosen.state is TrialState.QUEUED


def test_numbers_fit_their_column_whatever_they_are() -> None:
    assert short_number(0.0019583, 8) == "0.00196"
    assert short_number(-1.234e-308, 8) == "-1e-308"
    assert short_number(float("nan"), 8) == "NaN"
    assert short_number(None, 8) == "–"


def test_a_heading_tells_the_order_without_growing() -> None:
    assert heading(View(sort="loss"), "loss") == "loss↑"
    assert heading(View(sort="val loss", is_reversed=True), "val loss") == "val↓loss"
    assert heading(View(sort="loss"), "acc") == "acc"


def full_cells(path: Path) -> StudyBuilder:
    """Every cell as full as it can be."""
    study = StudyBuilder(path)
    study.enter(Step.COARSE_GRID)
    study.start()
    limits = TrialLimits(epochs=15_000)
    trial = study.queue({"lr": 3.3e-10, "weight_decay": 1.3e-10, "x": 1e300}, limits)
    study.begin(trial)
    values = {"loss": [0.0019583], "accuracy": [1.0], "update_ratio/a": [1.1e-10]}
    study.measure(trial, [123456], values)
    study.measure(trial, [123456], {"val_loss": [-1.25e-300], "val_accuracy": [1.0]})
    study.end_epoch(trial, 14_999, 123456)
    return study


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
async def test_columns_never_touch(tmp_path: Path, columns: int) -> None:
    full_cells(tmp_path / "study").close()
    app = replay_app(tmp_path / "study")
    async with app.run_test(size=(columns, 24)) as pilot:
        await show_end(app, pilot)
        await pilot.press("slash", "enter")
        pane = app.screen.query_one(TrialsPane)
        await until(pilot, lambda: pane.size.width > 0)
        head, row = (pane.render_line(y).text for y in (0, 1))
        study = app.study
        assert study is not None
        shown = len(re.sub("val (loss|acc)", r"val_\1", head).split())
        # Besides the columns: cursor, mark and letter.
        assert len(row.replace(" %", "%").split()) == shown + 3
        assert cell_len(row) == pane.size.width


async def test_typing_narrows_the_table_and_escape_widens_it(tmp_path: Path) -> None:
    build_coarse_grid(tmp_path / "study").close()
    app = replay_app(tmp_path / "study")
    async with app.run_test(size=(120, 36)) as pilot:
        await show_end(app, pilot)
        screen = app.screen
        assert isinstance(screen, MainScreen)
        await pilot.press("slash", *"queued")
        await until(pilot, lambda: screen.view.looked_for == "queued")
        assert screen.query_one(TypingLine).has_focus
        await pilot.press("enter", "m")
        await until(pilot, lambda: screen.view.marks is not None)
        assert screen.view.looked_for == "queued"
        await pilot.press("slash", "escape")
        await until(pilot, lambda: screen.view.looked_for == "")
        assert not screen.query_one(TypingLine).display


async def test_sorting_by_key_turns_and_ends(tmp_path: Path) -> None:
    build_coarse_grid(tmp_path / "study").close()
    app = replay_app(tmp_path / "study")
    async with app.run_test(size=(120, 36)) as pilot:
        await show_end(app, pilot)
        pane = app.screen.query_one(TrialsPane)
        await pilot.press("S", "R")
        await until(pilot, lambda: "lr↓" in pane.render_line(0).text)
        assert "3e-2" in pane.render_line(1).text


async def test_five_hundred_trials_scroll_row_by_row(tmp_path: Path) -> None:
    build_crowd(tmp_path / "study").close()
    app = replay_app(tmp_path / "study")
    async with app.run_test(size=(80, 24)) as pilot:
        await show_end(app, pilot)
        await pilot.press("slash", "enter")
        pane = app.screen.query_one(TrialsPane)
        await until(pilot, lambda: pane.size.height > 0)
        await pilot.press(*["pagedown"] * 3, *["down"] * 3)
        before = [pane.render_line(y).text for y in range(2, pane.size.height)]
        await pilot.press("down")
        after = [pane.render_line(y).text for y in range(1, pane.size.height - 1)]
        assert [t[5:] for t in before] == [t[5:] for t in after]
        await pilot.press(*["pagedown"] * 40)
        screen = app.screen
        assert isinstance(screen, MainScreen)
        assert screen.view.cursor == "0500"
        assert pane.render_line(pane.size.height - 1).text.startswith("▸")


@pytest.mark.parametrize("size", [(80, 24), (120, 36)], ids=str)
async def test_marked_trials_are_compared_side_by_side(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    build_learning_curves(tmp_path / "study").close()
    app = replay_app(tmp_path / "study")
    async with app.run_test(size=size) as pilot:
        await show_end(app, pilot)
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, CompareScreen))
        screen = app.screen
        assert isinstance(screen, CompareScreen)
        await until(pilot, lambda: bool(screen.text.rows))
        rows = ["".join(text for text, _ in row) for row in screen.text.rows]
        differs = rows.index("configuration that differs")
        assert rows[differs + 1].split() == ["lr", "2e-2", "3e-2"]
        same = rows.index("the same")
        assert rows[same + 1].split() == ["weight_decay", "1e-4", "1e-4"]
        assert sum("★" in row for row in rows) == 1
        assert any("overfitting" in row for row in rows)


async def test_one_trial_alone_is_not_compared(tmp_path: Path) -> None:
    build_hostile(tmp_path / "study").close()
    app = replay_app(tmp_path / "study")
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await show_end(app, pilot)
        await pilot.press("c")
        await until(pilot, lambda: len(app._notifications) == 1)
        assert isinstance(app.screen, MainScreen)


def test_hostile_words_find_their_trial(tmp_path: Path) -> None:
    build_hostile(tmp_path / "study").close()
    study = read(tmp_path / "study")
    assert len(table_rows(study, View(looked_for="日本語"))) == 1
