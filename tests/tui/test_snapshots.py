"""One picture of every screen at 80 × 24 and at 120 × 36."""

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from tests.tui.builder import HandClock, StudyBuilder
from tests.tui.driving import replay_app, show_end, until
from tests.tui.gpu_studies import build_no_gpu, build_on_gpus
from tests.tui.studies import build_coarse_grid, build_hostile, build_learning_curves
from tuitrain.events import Step, TrialId
from tuitrain.store import StudyFolder
from tuitrain.tui.home_app import HomeApp
from tuitrain.tui.screens.home import HomePane
from tuitrain.tui.screens.main import MainScreen


class SvgExtension(SingleFileSnapshotExtension):
    """Pictures are files a browser opens."""

    _write_mode = WriteMode.TEXT
    file_extension = "svg"


@pytest.fixture
def picture(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(SvgExtension)


def build_ready(path: Path) -> StudyBuilder:
    study = StudyBuilder(path)
    study.enter(Step.INITIAL_LOSS)
    return study


def build_without_gpu(path: Path) -> StudyBuilder:
    return build_no_gpu(path, "no NVIDIA GPU here: NVML Shared Library Not Found")


def build_with_log(path: Path) -> StudyBuilder:
    study = build_learning_curves(path)
    lines = [
        f"epoch {epoch}: val accuracy {0.5 + epoch / 50:.3f}" for epoch in range(15)
    ]
    study.folder.trial(TrialId("0021")).out.write_text("\n".join(lines))
    return study


SHOTS = {
    "ready": (build_ready, []),
    "running": (build_coarse_grid, []),
    "judged": (build_learning_curves, []),
    "verdict": (build_learning_curves, ["shift+tab", "shift+tab"]),
    "trials": (build_learning_curves, ["shift+tab", "shift+tab", "shift+tab"]),
    "checklist": (build_learning_curves, ["shift+tab"]),
    "hostile": (build_hostile, []),
    "log_epochs": (build_coarse_grid, ["y", "x"]),
    "trial": (build_learning_curves, ["t"]),
    "log": (build_with_log, ["l"]),
    "grid": (build_learning_curves, ["g"]),
    "help": (build_coarse_grid, ["question_mark"]),
    "compare": (build_learning_curves, ["c"]),
    "plan": (build_coarse_grid, ["e"]),
    "gpus": (build_on_gpus, ["u"]),
    "no_gpu": (build_without_gpu, ["u"]),
    "filter": (build_coarse_grid, ["slash", "l", "r", "=", "1", "e", "S"]),
}


@pytest.mark.parametrize("size", [(80, 24), (120, 36)], ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("name", SHOTS)
async def test_a_screen_looks_as_it_did(
    tmp_path: Path,
    picture: SnapshotAssertion,
    name: str,
    size: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Paths on the screen are the same on every machine.
    monkeypatch.chdir(tmp_path)
    build, keys = SHOTS[name]
    build(Path("digits")).close()
    app = replay_app(Path("digits"))
    async with app.run_test(size=size) as pilot:
        await show_end(app, pilot)
        main = app.screen
        await pilot.press(*keys)
        if keys and keys[-1] in ("t", "l", "g", "c", "e", "u", "question_mark"):
            await until(pilot, lambda: app.screen is not main)
        else:
            assert isinstance(app.screen, MainScreen)
        await pilot.pause(0.1)
        assert app.export_screenshot() == picture


@pytest.mark.parametrize("size", [(80, 24), (120, 36)], ids=lambda s: f"{s[0]}x{s[1]}")
async def test_home_looks_as_it_did(
    tmp_path: Path,
    picture: SnapshotAssertion,
    size: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    build_coarse_grid(Path("runs/digits")).close()
    build_learning_curves(Path("runs/cnn")).close()
    (tmp_path / "runs" / "broken").mkdir()
    (tmp_path / "runs" / "broken" / "journal.jsonl").write_text("hello\n")

    def is_running(folder: StudyFolder) -> bool:
        return folder.name == "digits"

    clock = HandClock()
    clock.now_s += 3600
    app = HomeApp(Path("runs"), is_running, clock=clock)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: bool(app.screen.query(HomePane)))
        pane = app.screen.query_one(HomePane)
        await until(pilot, lambda: pane.studies is not None)
        assert app.export_screenshot() == picture
