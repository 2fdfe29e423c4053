"""The log of a trial: followed, searched, wrapped; a traceback is seen first."""

from collections.abc import Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot

from tests.tui.builder import StudyBuilder
from tests.tui.driving import replay_app, show_end, until
from tuitrain.events import OutcomeKind, Step, TrialId, TrialLimits
from tuitrain.tui.lines import line
from tuitrain.tui.screens.log import LogScreen, highlighted, wrapped

TRACEBACK = """Traceback (most recent call last):
  File "train.py", line 3, in task
ValueError: no such data"""


@pytest.fixture
def study(tmp_path: Path) -> Iterator[StudyBuilder]:
    study = StudyBuilder(tmp_path / "study")
    study.enter(Step.OVERFIT_SMALL)
    study.start()
    study.begin(study.queue({"lr": 1e-2}, TrialLimits(epochs=1)))
    yield study
    study.close()


def out(study: StudyBuilder) -> Path:
    return study.folder.trial(TrialId("0001")).out


@asynccontextmanager
async def shown_log(study: StudyBuilder):
    app = replay_app(study.folder.path)
    async with app.run_test(size=(80, 24)) as pilot:
        await show_end(app, pilot)
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, LogScreen))
        screen = app.screen
        assert isinstance(screen, LogScreen)
        await until(pilot, lambda: not screen._is_unread)
        yield screen, pilot


def top(screen: LogScreen) -> str:
    return screen.text.render_line(0).text.strip()


def bottom(screen: LogScreen) -> str:
    return screen.text.render_line(screen.text.size.height - 1).text.strip()


async def grow(study: StudyBuilder, text: str, pilot: Pilot[str]) -> None:
    with out(study).open("a") as file:
        file.write(text)
    await pilot.pause()


async def test_the_end_is_followed_until_someone_reads(study: StudyBuilder) -> None:
    out(study).write_text("".join(f"line {i}\n" for i in range(100)))
    async with shown_log(study) as (screen, pilot):
        assert bottom(screen) == "line 99"
        assert "follows" in screen.title_text()
        await grow(study, "line 100\n", pilot)
        await until(pilot, lambda: bottom(screen) == "line 100")
        await pilot.press("f")
        assert "stands still" in screen.title_text()
        await grow(study, "line 101\n", pilot)
        await until(pilot, lambda: len(screen.text.rows) == 102)
        assert bottom(screen) == "line 100"
        await pilot.press("f")
        await until(pilot, lambda: bottom(screen) == "line 101")
        await pilot.press("up")
        assert "stands still" in screen.title_text()


async def test_lines_with_a_text_are_found_one_after_the_other(
    study: StudyBuilder,
) -> None:
    lines = [f"{'Needle' if i % 40 == 5 else 'hay'} {i}" for i in range(120)]
    out(study).write_text("\n".join(lines))
    async with shown_log(study) as (screen, pilot):
        await pilot.press("home", "slash", *"needle")
        await until(pilot, lambda: screen.sought == "needle")
        await pilot.press("enter")
        assert "3 lines hold needle" in screen.title_text()
        await pilot.press("n")
        assert top(screen) == "Needle 5"
        await pilot.press("n", "n")
        assert top(screen) == "Needle 85"
        await pilot.press("n")
        assert top(screen) == "Needle 5"
        await pilot.press("N")
        assert top(screen) == "Needle 85"
        await pilot.press("slash", "escape")
        await until(pilot, lambda: screen.sought == "")


async def test_long_lines_are_wrapped_on_demand(study: StudyBuilder) -> None:
    out(study).write_text("x" * 200 + "\nend")
    async with shown_log(study) as (screen, pilot):
        assert len(screen.text.rows) == 2
        await pilot.press("w")
        await until(pilot, lambda: len(screen.text.rows) == 4)
        await pilot.press("w")
        await until(pilot, lambda: len(screen.text.rows) == 2)


@pytest.mark.parametrize("is_printed", [True, False])
async def test_the_traceback_of_a_raised_trial_is_seen_first(
    study: StudyBuilder, is_printed: bool
) -> None:
    study.finish(
        TrialId("0001"), OutcomeKind.RAISED, 3, "ValueError: no", traceback=TRACEBACK
    )
    before = "".join(f"line {i}\n" for i in range(60))
    after = "".join(f"at exit {i}\n" for i in range(60)) if is_printed else ""
    printed = TRACEBACK + "\n" if is_printed else ""
    out(study).write_text(before + printed + after)
    async with shown_log(study) as (screen, _):
        height = screen.text.size.height
        rows = [screen.text.render_line(y).text.strip() for y in range(height)]
        assert "ValueError: no such data" in rows
        assert TRACEBACK.split("\n")[0] in rows


def test_wrapping_keeps_every_character_and_every_width() -> None:
    text = "日本語 e\u0301 " * 30
    pieces = wrapped(line(text), 11)
    assert "".join(piece for row in pieces for piece, _ in row) == text
    assert all(cell_len(piece) <= 11 for row in pieces for piece, _ in row)
    assert len(wrapped((), 11)) == 1


def test_every_place_of_a_text_is_marked() -> None:
    row = highlighted(line("an Anna", (" banana", "bad")), "an")
    assert "".join(text for text, _ in row) == "an Anna banana"
    assert [text for text, role in row if role == "cursor"] == ["an", "An", "an", "an"]


async def test_a_log_without_a_word_says_so(study: StudyBuilder) -> None:
    out(study).touch()
    async with shown_log(study) as (screen, _):
        assert top(screen) == "nothing was printed so far"
