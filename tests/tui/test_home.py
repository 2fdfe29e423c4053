"""The home screen: what is listed, and what a key chooses."""

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.stranger import as_stranger, closed_to_strangers, common_folder
from tests.tui.builder import StudyBuilder
from tests.tui.driving import until
from tests.tui.studies import build_coarse_grid
from tuitrain.events import BestAccepted, Step, StudyEnded, TrialId
from tuitrain.store import StudyFolder
from tuitrain.tui.home_app import HomeApp
from tuitrain.tui.run import run_home
from tuitrain.tui.screens.home import Choice, HomePane
from tuitrain.tui.studies import Shelf, ago, list_studies, progress


def build_finished(path: Path) -> StudyBuilder:
    study = build_coarse_grid(path)
    study.journal(
        BestAccepted(
            trial=TrialId("0018"), config={"lr": 1e-2}, metrics={}, checkpoint=None
        ),
        StudyEnded(state="finished"),
    )
    return study


async def listed(app: HomeApp, pilot: Pilot[Any]) -> HomePane:
    await until(pilot, lambda: bool(app.screen.query(HomePane)))
    pane = app.screen.query_one(HomePane)
    await until(pilot, lambda: pane.studies is not None)
    return pane


def test_running_studies_come_first_and_other_folders_are_left_out(
    tmp_path: Path,
) -> None:
    build_finished(tmp_path / "a").close()
    build_coarse_grid(tmp_path / "b").close()
    (tmp_path / "notes").mkdir()
    studies = list_studies(tmp_path, lambda folder: folder.name == "b")
    assert [study.folder.name for study in studies] == ["b", "a"]
    assert [study.is_running for study in studies] == [True, False]


def test_a_study_that_waits_for_a_person_or_is_over_does_not_run(
    tmp_path: Path,
) -> None:
    build_finished(tmp_path / "a").close()
    waiting = StudyBuilder(tmp_path / "b")
    waiting.enter(Step.FIND_LR)
    waiting.close()
    build_coarse_grid(tmp_path / "c").close()
    states = {s.folder.name: s.state for s in list_studies(tmp_path, lambda _: True)}
    assert states == {"a": "finished", "b": "ready", "c": "running"}


def test_a_study_that_only_its_owner_may_see_is_left_out() -> None:
    with common_folder() as root:
        build_finished(root / "a").close()
        (root / "a").chmod(0o755)
        for path in (root / "a").rglob("*"):
            path.chmod(0o755)
        build_finished(root / "b").close()
        with closed_to_strangers(root / "b"):
            said = as_stranger(
                lambda: [s.folder.name for s in list_studies(root, lambda _: False)]
            )
    assert said == "['a']\n"


def test_a_journal_that_cannot_be_read_is_listed_with_the_reason(
    tmp_path: Path,
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "journal.jsonl").write_text("hello\n")
    (study,) = list_studies(tmp_path, lambda _: False)
    assert "is not a tuitrain log" in study.problem


def test_a_folder_that_does_not_exist_has_no_studies(tmp_path: Path) -> None:
    assert list_studies(tmp_path / "runs", lambda _: False) == []


async def test_enter_attaches_to_what_runs_and_replays_what_is_over(
    tmp_path: Path,
) -> None:
    build_finished(tmp_path / "a").close()
    build_coarse_grid(tmp_path / "b").close()
    for keys, name, is_replay in (
        (["enter"], "b", False),
        (["down", "enter"], "a", True),
        (["v"], "b", True),
    ):
        app = HomeApp(tmp_path, lambda folder: folder.name == "b")
        async with app.run_test(size=(80, 24)) as pilot:
            await listed(app, pilot)
            await pilot.press(*keys)
            await until(pilot, lambda app=app: app.return_value is not None)  # type: ignore[misc]
        choice = app.return_value
        assert choice is not None
        assert choice.folder == StudyFolder(tmp_path / name)
        assert choice.is_replay is is_replay


async def test_without_studies_the_way_to_one_is_shown(tmp_path: Path) -> None:
    app = HomeApp(tmp_path / "runs", lambda _: False)
    async with app.run_test(size=(80, 24)) as pilot:
        pane = await listed(app, pilot)
        text = " ".join(pane.render_line(y).text for y in range(4))
        assert "tuitrain demo" in text
        await pilot.press("enter", "v", "up", "down", "q")
        await until(pilot, lambda: app.return_code == 0)
    assert app.return_value is None


def test_a_row_tells_step_trials_and_when_something_happened_last(
    tmp_path: Path,
) -> None:
    build_coarse_grid(tmp_path / "a").close()
    (study,) = list_studies(tmp_path, lambda _: True)
    assert progress(study.study) == "4 coarse grid · 6/9"
    assert study.state == "running"
    words = [ago(s) for s in (0, 59, 60, 3599, 7200, 86400, 9e6)]
    assert words == [
        *["just now"] * 2,
        "1 min ago",
        "59 min ago",
        "2 h ago",
        "1 d ago",
        "104 d ago",
    ]


def test_a_log_is_read_again_only_when_it_has_grown(tmp_path: Path) -> None:
    study = build_coarse_grid(tmp_path / "a")
    shelf = Shelf(tmp_path, lambda _: False)
    (first,) = shelf.look()
    assert shelf.look()[0].study is first.study
    study.journal(StudyEnded(state="stopped"))
    study.close()
    (later,) = shelf.look()
    assert (first.state, later.state) == ("left", "stopped")


async def test_a_script_is_asked_for_and_chosen(tmp_path: Path) -> None:
    app = HomeApp(tmp_path / "runs", lambda _: False)
    async with app.run_test(size=(80, 24)) as pilot:
        await listed(app, pilot)
        await pilot.press("s")
        await until(pilot, lambda: bool(app.screen.query("#answer")))
        await pilot.press(*"a.py", "enter")
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value == Choice(script="a.py")


def test_a_script_that_cannot_be_used_leads_back_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notices: list[str] = []
    choices: list[Choice | None] = [Choice(script="a.py"), None]

    class Played(HomeApp):
        def run(self, **_: object) -> Choice | None:
            notices.append(self._notice)
            return choices.pop(0)

    monkeypatch.setattr("tuitrain.tui.home_app.HomeApp", Played)
    assert run_home(tmp_path, start=lambda script: f"{script}: no such script") == 0
    assert notices == ["", "a.py: no such script"]
