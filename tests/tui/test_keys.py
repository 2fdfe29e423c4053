"""Each key of the main screen does what the help says."""

from pathlib import Path

import pytest
from textual.geometry import Region
from textual.pilot import Pilot

from tests.tui.builder import StudyBuilder
from tests.tui.driving import FakeWire, live_app, replay_app, show_end, until
from tests.tui.studies import build_coarse_grid, build_learning_curves
from tuitrain.commands import (
    AcceptBest,
    ApplyAdvice,
    Command,
    GoToStep,
    OverrideVerdict,
    RerunStep,
    RunStep,
    SetAuto,
    StopStudy,
    StopTrial,
)
from tuitrain.events import Step, TrialId, Verdict
from tuitrain.tui.app import TuitrainApp
from tuitrain.tui.keys import ALL_KEYS, MAIN_KEYS, REPLAY_KEYS
from tuitrain.tui.lens import XUnit
from tuitrain.tui.screens.ask import QuestionPane
from tuitrain.tui.screens.grid import GridScreen
from tuitrain.tui.screens.help import HelpScreen
from tuitrain.tui.screens.log import LogScreen
from tuitrain.tui.screens.main import PANES, MainScreen
from tuitrain.tui.screens.trial import TrialScreen
from tuitrain.tui.view import drawn_trials


def ready(path: Path) -> StudyBuilder:
    study = StudyBuilder(path)
    study.enter(Step.OVERFIT_SMALL)
    return study


def judged(path: Path) -> StudyBuilder:
    study = ready(path)
    study.start()
    study.judge(Verdict.PASS, "100 % after 84 iterations")
    return study


COMMANDS = [
    (ready, ["enter"], RunStep()),
    (judged, ["enter"], GoToStep(step=Step.FIND_LR)),
    (ready, ["n"], GoToStep(step=Step.FIND_LR)),
    (ready, ["p"], GoToStep(step=Step.INITIAL_LOSS)),
    (judged, ["r"], RerunStep()),
    (
        judged,
        ["o", "f", "n", "o", "enter"],
        OverrideVerdict(verdict=Verdict.FAIL, note="no"),
    ),
    (ready, ["A"], SetAuto(on=True)),
    (build_learning_curves, ["1"], ApplyAdvice(index=0)),
    (build_learning_curves, ["a", "y"], AcceptBest()),
    (build_coarse_grid, ["s", "y"], StopTrial(trial=TrialId("0018"))),
    (build_coarse_grid, ["down", "s", "enter"], StopTrial(trial=TrialId("0019"))),
    (build_coarse_grid, ["q", "s"], StopStudy()),
]


async def begun(app: TuitrainApp, pilot: Pilot[str]) -> MainScreen:
    await until(pilot, lambda: isinstance(app.screen, MainScreen))
    screen = app.screen
    assert isinstance(screen, MainScreen)
    await until(
        pilot, lambda: screen.study is not None and screen.study.current is not None
    )
    return screen


@pytest.mark.parametrize(
    ("build", "keys", "command"),
    COMMANDS,
    ids=lambda v: str(getattr(v, "__name__", v))[:40],
)
async def test_a_key_gives_its_command(
    tmp_path: Path, build: object, keys: list[str], command: Command
) -> None:
    assert callable(build)
    build(tmp_path / "digits").close()
    wire = FakeWire()
    app = live_app(tmp_path / "digits", wire)
    async with app.run_test(size=(120, 36)) as pilot:
        await begun(app, pilot)
        # The files are read in bites; the key means the study as a whole.
        await until(pilot, lambda: app.study is not None and app.link.problem == "")
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        await until(pilot, lambda: wire.asked == [command])


QUESTIONS = [
    (build_coarse_grid, "s", ["Stop", "stop", "not now"]),
    (build_coarse_grid, "q", ["becomes", "without", "stop", "not now"]),
    (judged, "o", ["Overrule", "pass", "warn", "fail", "not now"]),
]


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (120, 36)], ids=str)
@pytest.mark.parametrize(("build", "key", "words"), QUESTIONS, ids="sqo")
async def test_a_question_shows_all_its_answers(
    tmp_path: Path, build: object, key: str, words: list[str], size: tuple[int, int]
) -> None:
    assert callable(build)
    build(tmp_path / "digits").close()
    app = live_app(tmp_path / "digits", FakeWire())
    async with app.run_test(size=size) as pilot:
        main = await begun(app, pilot)
        await until(pilot, lambda: app.study is not None and app.link.problem == "")
        await pilot.press(key)
        await until(pilot, lambda: app.screen is not main)
        pane = app.screen.query_one(QuestionPane)
        await until(pilot, lambda: pane.size.height > 0)
        shown = [pane.render_line(y).text for y in range(pane.size.height)]
        assert app.screen.region.contains_region(pane.region)
        text = "\n".join(shown)
        assert [word for word in words if word not in text] == []
        assert "unknown" not in text, "no verdict is overruled to be unknown"


async def test_a_question_can_be_withdrawn(tmp_path: Path) -> None:
    build_coarse_grid(tmp_path / "digits").close()
    wire = FakeWire()
    app = live_app(tmp_path / "digits", wire)
    async with app.run_test(size=(120, 36)) as pilot:
        main = await begun(app, pilot)
        for key in ("s", "q"):
            await pilot.press(key)
            await until(pilot, lambda: app.screen is not main)
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is main)
    assert wire.asked == []


async def test_quitting_leaves_running_trials_alone_by_default(tmp_path: Path) -> None:
    build_coarse_grid(tmp_path / "digits").close()
    wire = FakeWire()
    app = live_app(tmp_path / "digits", wire)
    async with app.run_test(size=(120, 36)) as pilot:
        main = await begun(app, pilot)
        await pilot.press("q")
        await until(pilot, lambda: app.screen is not main)
        await pilot.press("enter")
        await until(pilot, lambda: app.return_value == "left")
    assert wire.asked == []


async def test_detaching_asks_nothing(tmp_path: Path) -> None:
    build_coarse_grid(tmp_path / "digits").close()
    wire = FakeWire()
    app = live_app(tmp_path / "digits", wire)
    async with app.run_test(size=(120, 36)) as pilot:
        await begun(app, pilot)
        await pilot.press("d")
        await until(pilot, lambda: app.return_value == "left")
    assert wire.asked == []


async def test_a_refusal_is_shown_as_inert_text(tmp_path: Path) -> None:
    ready(tmp_path / "digits").close()
    app = live_app(tmp_path / "digits", FakeWire(refusal="no [/] \x1b[31mnever"))
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await begun(app, pilot)
        await pilot.press("enter")
        await until(pilot, lambda: len(app._notifications) == 1)
        (notification,) = app._notifications
        assert notification.message == "no [/] never"
        assert not notification.markup


async def test_keys_choose_mark_and_redraw_trials(tmp_path: Path) -> None:
    build_coarse_grid(tmp_path / "digits").close()
    app = replay_app(tmp_path / "digits")
    async with app.run_test(size=(120, 36)) as pilot:
        await show_end(app, pilot)
        screen = app.screen
        assert isinstance(screen, MainScreen)
        assert screen.study is not None
        before = drawn_trials(screen.study, screen.view)
        await pilot.press("up", "up", "up", "up")
        chosen = TrialId("0014")
        assert screen.view.cursor == chosen
        await pilot.press("m")
        assert drawn_trials(screen.study, screen.view) == before | {chosen}
        await pilot.press("m")
        assert drawn_trials(screen.study, screen.view) == before
        await pilot.press("M", "y", "x")
        assert screen.view.marks is None
        assert screen.view.lens.log_y
        assert screen.view.lens.unit is XUnit.EPOCHS


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("t", TrialScreen),
        ("l", LogScreen),
        ("g", GridScreen),
        ("question_mark", HelpScreen),
    ],
)
async def test_a_key_opens_its_screen_and_escape_closes_it(
    tmp_path: Path, key: str, kind: type
) -> None:
    build_coarse_grid(tmp_path / "digits").close()
    app = replay_app(tmp_path / "digits")
    async with app.run_test(size=(80, 24)) as pilot:
        await show_end(app, pilot)
        main = app.screen
        await pilot.press(key)
        await until(pilot, lambda: isinstance(app.screen, kind))
        await pilot.press("pagedown", "down", "end", "up", "home", "pageup")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is main)


async def test_tab_goes_through_all_panes_where_one_is_shown(tmp_path: Path) -> None:
    build_coarse_grid(tmp_path / "digits").close()
    app = replay_app(tmp_path / "digits")
    async with app.run_test(size=(80, 24)) as pilot:
        await show_end(app, pilot)
        seen = []
        for _ in PANES:
            await pilot.press("tab")
            await pilot.pause()
            shown = [n for n in PANES if app.screen.query_one(f"#{n}").size.width > 0]
            assert len(shown) == 1
            seen += shown
        assert sorted(seen) == sorted(PANES)
        await pilot.resize_terminal(120, 36)
        await until(
            pilot, lambda: all(app.screen.query_one(f"#{n}").size.width for n in PANES)
        )
        await pilot.press("z")
        await until(
            pilot,
            lambda: (
                [n for n in PANES if app.screen.query_one(f"#{n}").size.width > 0]
                == [seen[-1]]
            ),
        )


async def test_nothing_of_another_size_stays_on_the_screen(tmp_path: Path) -> None:
    ready(tmp_path / "digits").close()
    app = live_app(tmp_path / "digits", FakeWire())
    async with app.run_test(size=(100, 30)) as pilot:
        await begun(app, pilot)
        for size in ((61, 16), (140, 45), (120, 36)):
            await pilot.resize_terminal(*size)
            await until(pilot, lambda size=size: app.size == size)  # type: ignore[misc]
            await until(pilot, lambda: drawn_rows(app, "#loss") == ["no points yet"])


def drawn_rows(app: TuitrainApp, name: str) -> list[str]:
    """Return what the pane last gave to the terminal, but for blanks and its frame."""
    pane = app.screen.query_one(name)
    width, height = pane.outer_size
    rows = pane.render_lines(Region(0, 0, width, height))[1:-1]
    return [text for row in rows if (text := row.text.strip(" │"))]


async def test_a_replay_plays_pauses_and_seeks(tmp_path: Path) -> None:
    build_coarse_grid(tmp_path / "digits").close()
    app = replay_app(tmp_path / "digits")
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: app.link.is_playing)
        speed = app.link.speed
        await pilot.press("plus")
        await until(pilot, lambda: app.link.speed > speed)
        await pilot.press("minus")
        await until(pilot, lambda: app.link.speed == speed)
        await pilot.press("space")
        await until(pilot, lambda: not app.link.is_playing)
        at = app.link.position_s
        await pilot.press("full_stop")
        await until(pilot, lambda: app.link.position_s > at)
        await pilot.press("home")
        await until(pilot, lambda: app.link.position_s == 0.0)
        await pilot.press("right")
        await until(pilot, lambda: app.link.position_s == 10.0)
        await pilot.press("end")
        await until(pilot, lambda: app.link.position_s == app.link.length_s)
        await pilot.press("left")
        await until(
            pilot,
            lambda: app.link.position_s == pytest.approx(app.link.length_s - 10),
        )
        await pilot.press("less_than_sign")
        await until(pilot, lambda: app.link.place != "")
        assert app.link.position_s < app.link.length_s - 10
        await pilot.press("comma")
        await until(pilot, lambda: app.link.place == "")


async def test_a_replay_asks_for_nothing(tmp_path: Path) -> None:
    ready(tmp_path / "digits").close()
    app = replay_app(tmp_path / "digits")
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await show_end(app, pilot)
        await pilot.press("enter")
        await until(pilot, lambda: len(app._notifications) == 1)
        assert "replay" in next(iter(app._notifications)).message


def find_picture(folder: Path) -> str:
    (picture,) = folder.glob("*.svg")
    return picture.read_text()


async def test_a_picture_is_saved_beside_the_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready(tmp_path / "digits").close()
    monkeypatch.chdir(tmp_path)
    app = replay_app(tmp_path / "digits")
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await show_end(app, pilot)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: len(app._notifications) == 1)
    assert "overfit" in find_picture(tmp_path)


@pytest.fixture
def no_log(tmp_path: Path) -> Path:
    path = tmp_path / "notes.jsonl"
    path.write_text("hello\n")
    return path


async def test_something_that_is_no_log_ends_with_one_clear_reason(
    no_log: Path,
) -> None:
    app = replay_app(no_log)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.return_code == 2)
    assert "is not a tuitrain log" in app.problem


def test_no_key_is_given_twice_on_one_screen() -> None:
    taken = [k for key in (*MAIN_KEYS, *REPLAY_KEYS) for k in key.keys.split(",")]
    assert len(taken) == len(set(taken))


def test_every_key_is_explained() -> None:
    assert all(key.help.endswith(".") for key in ALL_KEYS)
