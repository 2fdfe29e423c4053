"""LR × weight decay as a map: numbers, the best marked, shades, cells that fill."""

from pathlib import Path

import pytest

from tests.tui.builder import StudyBuilder
from tests.tui.driving import replay_app, show_end, until
from tests.tui.studies import build_coarse_grid
from tuitrain.events import Config, Step, TrialLimits
from tuitrain.model import StudyModel, fold_all
from tuitrain.sources import StudySource
from tuitrain.study import Study
from tuitrain.tui.glyphs import SHADES
from tuitrain.tui.lines import width_of
from tuitrain.tui.screens.grid import GridScreen, draw_grid, metrics_of


def read(path: Path) -> Study:
    records = StudySource(path).read_all()
    return Study(fold_all(StudyModel(), sorted(records, key=lambda r: r.at_s)))


def draw(study: Study, metric: int = 0, width: int = 78) -> list[str]:
    rows = draw_grid(metrics_of(study)[metric], study.trials_of_current(), width)
    assert all(width_of(row) <= width for row in rows)
    return ["".join(text for text, _ in row) for row in rows]


def test_cells_hold_numbers_the_best_is_marked_and_what_waits_is_told(
    tmp_path: Path,
) -> None:
    build_coarse_grid(tmp_path / "study").close()
    rows = draw(read(tmp_path / "study"))
    assert rows[0].split()[-3:] == ["0", "1e-5", "1e-4"]
    assert [row.split()[0] for row in rows[1:]] == ["3.3e-3", "1e-2", "3e-2"]
    assert rows[3].split()[1:] == ["·", "▓", "80.3", "%▶", "★", "80.7", "%▶"]
    assert sum(row.count("★") for row in rows) == 1
    assert any(shade in "".join(rows) for shade in SHADES[1:])


def test_every_metric_that_was_measured_can_be_shown(tmp_path: Path) -> None:
    build_coarse_grid(tmp_path / "study").close()
    study = read(tmp_path / "study")
    names = [metric.name for metric in metrics_of(study)]
    newest = ["val_accuracy", "val_loss", "accuracy", "loss"]
    assert names == ["best val_accuracy", *(f"newest {name}" for name in newest)]
    best_loss = min(t.val_loss for t in study.trials if t.val_loss is not None)
    (row,) = [row for row in draw(study, names.index("newest val_loss")) if "★" in row]
    assert row.partition("★")[2].split() == [f"{best_loss:.4g}▶"]


def test_a_cell_fills_when_its_trial_has_measured_something(tmp_path: Path) -> None:
    study = StudyBuilder(tmp_path / "study")
    study.enter(Step.COARSE_GRID)
    study.start()
    trial = study.queue({"lr": 1e-2, "weight_decay": 0.0}, TrialLimits(epochs=1))
    assert draw(read(tmp_path / "study"))[1].split() == ["1e-2", "·"]
    study.begin(trial)
    assert draw(read(tmp_path / "study"))[1].split() == ["1e-2", "▶"]
    study.validate(trial, 12, 1, 0.5)
    assert draw(read(tmp_path / "study"))[1].split()[1] == "★"
    study.close()


@pytest.mark.parametrize("width", [34, 60])
def test_columns_without_room_are_counted(tmp_path: Path, width: int) -> None:
    study = StudyBuilder(tmp_path / "study")
    study.enter(Step.COARSE_GRID)
    study.start()
    for power in range(7):
        config: Config = {"lr": 1e-2, "weight_decay": 10.0**-power}
        study.queue(config, TrialLimits(epochs=1))
    study.close()
    rows = draw(read(tmp_path / "study"), width=width)
    left_out = 7 - (width - 20) // 12
    assert f"{left_out} more weight" in " ".join(rows)


async def test_a_key_shows_the_next_metric_and_another_the_one_before(
    tmp_path: Path,
) -> None:
    build_coarse_grid(tmp_path / "study").close()
    app = replay_app(tmp_path / "study")
    async with app.run_test(size=(80, 24)) as pilot:
        await show_end(app, pilot)
        await pilot.press("g")
        await until(pilot, lambda: isinstance(app.screen, GridScreen))
        screen = app.screen
        assert isinstance(screen, GridScreen)
        assert screen.title_text() == "grid · best val_accuracy"
        await pilot.press("M")
        assert screen.title_text() == "grid · newest loss"
        await pilot.press("m", "m", "m")
        assert screen.title_text() == "grid · newest val_loss"
