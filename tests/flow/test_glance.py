"""The first picture in a real terminal: there, replaced, or taken away again."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow.terminal import Terminal

pytestmark = pytest.mark.flow

LOG = Path(__file__).parents[1] / "logs" / "own_loop"
ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"
WORDS = "a first look while the screen is loading"


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """The replay of a log with points, as it begins."""
    shutil.copytree(LOG, tmp_path / "own_loop")
    opened = Terminal(["replay", "own_loop"], tmp_path)
    yield opened
    opened.close()


def test_the_screen_takes_the_place_of_the_first_picture(terminal: Terminal) -> None:
    terminal.wait_for(WORDS)
    terminal.wait_for("REPLAY", "checklist")
    assert WORDS not in terminal.text
    terminal.press("q")
    terminal.wait_until(lambda: LEAVE in terminal.received, "the end")
    # One switch there and one back: terminals keep the cursor of the first only.
    assert terminal.received.count(ENTER) == 1
    assert terminal.received.count(LEAVE) == 1
    # The first picture stays until there is another.
    before, after = terminal.received.split(b"\x1b[2J", 1)
    assert WORDS.encode() in before
    assert b"checklist" in after


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_who_is_ended_while_loading_leaves_the_terminal(
    terminal: Terminal, number: signal.Signals
) -> None:
    terminal.wait_for(WORDS)
    os.kill(terminal.pid, number)
    assert terminal.wait_for_end() == 128 + number
    assert terminal.received.count(ENTER) == terminal.received.count(LEAVE) == 1
    assert terminal.received.rindex(b"\x1b[?25h") > terminal.received.index(ENTER)
    assert b"Traceback" not in terminal.received


def test_a_refusal_is_read_where_the_person_was(tmp_path: Path) -> None:
    terminal = Terminal(["replay", str(LOG), "--theme", "nonsense"], tmp_path)
    try:
        assert terminal.wait_for_end() == 2
        _, after = terminal.received.split(LEAVE)
        assert b"nonsense: there is no such theme" in after
    finally:
        terminal.close()
