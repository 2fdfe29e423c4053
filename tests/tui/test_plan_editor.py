"""The plan editor: what is shown, typed, refused and saved."""

from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.tui.builder import StudyBuilder
from tests.tui.driving import FakeWire, live_app, replay_app, show_end, until
from tests.tui.studies import HOSTILE, build_coarse_grid, build_learning_curves
from tests.tui.test_hostile import check_rows
from tuitrain.checklist import settings_from, settings_to, with_changes
from tuitrain.commands import ChangeSettings
from tuitrain.events import SettingsChanged, Step, Verdict
from tuitrain.tui.app import TuitrainApp
from tuitrain.tui.panes.reading import ReadingPane
from tuitrain.tui.plan_fields import OF_ALL, OF_STEP, Kind, read, write
from tuitrain.tui.screens.ask import AskChoice
from tuitrain.tui.screens.main import MainScreen
from tuitrain.tui.screens.plan import PlanScreen, step_to_plan

SIZES = [(80, 24), (120, 36)]


def build_ready(path: Path) -> StudyBuilder:
    study = StudyBuilder(path)
    study.enter(Step.FIND_LR)
    return study


async def opened(app: TuitrainApp, pilot: Pilot[str]) -> PlanScreen:
    """The editor, once the whole study is read."""
    await until(pilot, lambda: isinstance(app.screen, MainScreen))
    await until(pilot, lambda: app.study is not None and app.study.current is not None)
    await pilot.press("e")
    await until(pilot, lambda: isinstance(app.screen, PlanScreen))
    screen = app.screen
    assert isinstance(screen, PlanScreen)
    await until(pilot, lambda: bool(shown(screen)))
    return screen


def shown(screen: PlanScreen) -> str:
    """All text of both panes."""
    panes = screen.query(ReadingPane).results(ReadingPane)
    rows = [row for pane in panes for row in pane.rows]
    return "\n".join("".join(text for text, _ in row) for row in rows)


async def type_over(pilot: Pilot[str], text: str) -> None:
    """Type `text` for the chosen setting, and leave the line open."""
    await pilot.press("enter")
    await pilot.pause()
    await pilot.press("end", "ctrl+u")
    names = {" ": "space", ",": "comma", "-": "minus", "/": "slash", ".": "full_stop"}
    await pilot.press(*(names.get(letter, letter) for letter in text))
    await pilot.pause()


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_what_is_typed_is_checked_planned_and_saved(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    study = build_ready(tmp_path / "digits")
    wire = FakeWire()
    app = live_app(tmp_path / "digits", wire)
    async with app.run_test(size=size) as pilot:
        screen = await opened(app, pilot)
        assert "4 trials · lr 1e-1 1e-2 1e-3 1e-4" in shown(screen)
        await type_over(pilot, "3e-1, x")
        await until(pilot, lambda: "find_lr.lrs[1]: is 'x'" in shown(screen))
        assert "no plan with these settings" in shown(screen)
        await pilot.press("backspace", "3", "e", "minus", "2", "enter")
        await until(pilot, lambda: "2 trials · lr 3e-1 3e-2" in shown(screen))
        assert wire.asked == []
        await pilot.press("down", "down")
        await type_over(pilot, "250")
        await pilot.press("enter")
        await until(pilot, lambda: "250 iterations" in shown(screen))
        await pilot.press("s")
        changes = {"find_lr": {"lrs": [0.3, 0.03], "iterations": 250}}
        await until(pilot, lambda: wire.asked == [ChangeSettings(settings=changes)])

        assert "2 not saved" in str(screen.query_one("#fields").border_title)
        settings = with_changes(settings_from({"script": "train.py"}), changes)
        study.journal(SettingsChanged(settings=settings_to(settings)))
        await until(
            pilot,
            lambda: "as in study.toml" in str(screen.query_one("#fields").border_title),
        )
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
    study.close()


async def test_escape_while_typing_goes_back_to_the_value_before(
    tmp_path: Path,
) -> None:
    build_ready(tmp_path / "digits").close()
    wire = FakeWire()
    app = live_app(tmp_path / "digits", wire)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        before = shown(screen)
        await type_over(pilot, "7")
        await until(pilot, lambda: "1 trial · lr 7e0" in shown(screen))
        await pilot.press("escape")
        await until(pilot, lambda: shown(screen) == before)
        await type_over(pilot, "7")
        await pilot.press("enter", "backspace")
        await until(pilot, lambda: shown(screen) == before)
        await pilot.press("s")
        await pilot.pause()
    assert wire.asked == []


async def test_an_empty_value_means_the_default(tmp_path: Path) -> None:
    study = build_ready(tmp_path / "digits")
    asked = {"script": "train.py", "find_lr": {"lrs": [1.0]}}
    study.journal(SettingsChanged(settings=settings_to(settings_from(asked))))
    study.close()
    wire = FakeWire()
    app = live_app(tmp_path / "digits", wire)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        await until(pilot, lambda: "1 trial · lr 1e0" in shown(screen))
        await type_over(pilot, "")
        await pilot.press("enter")
        await until(pilot, lambda: "4 trials" in shown(screen))
        await pilot.press("s")
        changes = {"find_lr": {"lrs": None}}
        await until(pilot, lambda: wire.asked == [ChangeSettings(settings=changes)])


async def test_the_plan_of_a_step_that_runs_says_that_it_is_kept(
    tmp_path: Path,
) -> None:
    build_coarse_grid(tmp_path / "digits").close()
    wire = FakeWire()
    app = live_app(tmp_path / "digits", wire)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        await pilot.press("down", "down")
        await type_over(pilot, "5")
        await pilot.press("enter")
        await until(pilot, lambda: "is running by this plan" in shown(screen))
        await pilot.press("s")
        await pilot.pause()
        assert wire.asked == []
        # The next step does not run yet.
        await pilot.press("backspace", "right", "down", "down")
        await type_over(pilot, "9")
        await pilot.press("enter", "s")
        changes = {"refine_grid": {"epochs": 9}}
        await until(pilot, lambda: wire.asked == [ChangeSettings(settings=changes)])


async def test_leaving_asks_what_becomes_of_what_is_not_saved(tmp_path: Path) -> None:
    build_ready(tmp_path / "digits").close()
    wire = FakeWire()
    app = live_app(tmp_path / "digits", wire)
    async with app.run_test(size=(80, 24)) as pilot:
        for answer, asked in (("f", 0), ("s", 1)):
            screen = await opened(app, pilot)
            await type_over(pilot, "7")
            await pilot.press("enter", "escape")
            await until(pilot, lambda: isinstance(app.screen, AskChoice))
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is screen)  # noqa: B023
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, AskChoice))
            await pilot.press(answer)
            await until(pilot, lambda: isinstance(app.screen, MainScreen))
            await until(pilot, lambda: len(wire.asked) == asked)  # noqa: B023


async def test_a_replay_shows_the_plan_and_changes_nothing(tmp_path: Path) -> None:
    build_coarse_grid(tmp_path / "digits").close()
    app = replay_app(tmp_path / "digits")
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await show_end(app, pilot)
        screen = await opened(app, pilot)
        assert "9 trials" in shown(screen)
        assert "about" in shown(screen)
        await pilot.press("enter", "s")
        await until(pilot, lambda: len(app._notifications) == 2)
        assert "replay" in next(iter(app._notifications)).message
        assert screen.drafts == {}


@pytest.mark.parametrize("size", [*SIZES, (40, 12)], ids=str)
async def test_hostile_values_are_shown_as_inert_text(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    study = StudyBuilder(tmp_path / "digits", name=HOSTILE)
    settings = settings_from(
        {"script": HOSTILE, "metric": HOSTILE, "config": {HOSTILE: HOSTILE}}
    )
    study.journal(SettingsChanged(settings=settings_to(settings)))
    study.enter(Step.OVERFIT_SMALL)
    study.close()
    app = live_app(tmp_path / "digits", FakeWire())
    async with app.run_test(size=size) as pilot:
        screen = await opened(app, pilot)
        for step in Step:
            screen.step = step
            await pilot.pause()
            check_rows(app)
        screen.step = Step.FIND_LR
        for text in ("[/] \x1b[31m x", "9" * 190, "1e999", "日本語 " * 20, "1/0"):
            screen.drafts = {OF_STEP[Step.FIND_LR][0]: text}
            await pilot.pause()
            check_rows(app)


async def test_settings_nobody_can_read_are_left_alone(tmp_path: Path) -> None:
    study = build_ready(tmp_path / "digits")
    study.journal(SettingsChanged(settings={"other": 1}))
    study.close()
    wire = FakeWire()
    app = live_app(tmp_path / "digits", wire)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        await until(pilot, lambda: "does not tell what the study" in shown(screen))
        await pilot.press("enter", "s")
        await pilot.pause()
        assert screen.drafts == {}
    assert wire.asked == []


async def test_the_plan_that_matters_next_is_shown_first(tmp_path: Path) -> None:
    study = build_ready(tmp_path / "passed")
    study.start()
    study.judge(Verdict.PASS, "LR 1e-2")
    study.close()
    study = build_ready(tmp_path / "failed")
    study.start()
    study.judge(Verdict.FAIL, "no LR works")
    study.close()
    build_learning_curves(tmp_path / "last").close()
    expected = {
        "passed": Step.COARSE_GRID,
        "failed": Step.FIND_LR,
        "last": Step.LEARNING_CURVES,
    }
    for name, step in expected.items():
        app = replay_app(tmp_path / name)
        async with app.run_test(size=(80, 24)) as pilot:
            await show_end(app, pilot)
            assert step_to_plan(app.study) is step
    assert step_to_plan(None) is Step.INITIAL_LOSS


def test_every_setting_of_the_editor_is_one_of_study_toml() -> None:
    settings = settings_from({"script": "train.py", "devices": {"slots": 2}})
    plain = settings_to(settings)
    for field in (*OF_ALL, *(f for fields in OF_STEP.values() for f in fields)):
        value = field.value_in(plain)
        assert value is not None
        again = read(write(value), field.kind)
        assert again == value


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("1e-1, 1e-2", Kind.NUMBERS, [0.1, 0.01]),
        (" 1e-1 1e-2;3, ", Kind.NUMBERS, [0.1, 0.01, 3]),
        ("1/3, 1, 3", Kind.NUMBERS, [1 / 3, 1, 3]),
        ("0.1, abc", Kind.NUMBERS, [0.1, "abc"]),
        (",", Kind.NUMBERS, []),
        ("", Kind.NUMBERS, None),
        ("15", Kind.NUMBER, 15),
        ("1.5", Kind.NUMBER, 1.5),
        ("1/0", Kind.NUMBER, "1/0"),
        ("9" * 190, Kind.NUMBER, float("9" * 190)),
        (" val_loss ", Kind.TEXT, "val_loss"),
        ("", Kind.TEXT, None),
    ],
)
def test_lists_are_typed_as_people_write_them(
    text: str, kind: Kind, value: object
) -> None:
    assert read(text, kind) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([1 / 3, 1.0, 3.0], "1/3, 1, 3"),
        ([0.1, 0.01, 1e-5, 0.0], "1e-1, 1e-2, 1e-5, 0"),
        ([0.3333], "0.3333"),
        (10**-0.25, repr(10**-0.25)),
        (15, "15"),
        (None, ""),
        (float("inf"), "inf"),
    ],
)
def test_values_are_written_as_they_would_be_typed(value: object, text: str) -> None:
    assert write(value) == text
