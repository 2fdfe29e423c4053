"""The real program in a real pseudo-terminal, driven by its keys."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.flow.terminal import Terminal
from tests.flow.waiting import wait_for
from tests.tui.studies import build_coarse_grid, build_learning_curves

pytestmark = pytest.mark.flow

Opener = Callable[..., Terminal]

RESTORED = ("\x1b[?1049l", "\x1b[?25h")
"""The alternate screen is left, the cursor shown."""


@pytest.fixture
def open_terminal(tmp_path: Path) -> Iterator[Opener]:
    """Returns terminals in an empty folder; studies are stopped afterwards."""
    terminals: list[Terminal] = []

    def open_one(*arguments: str, **options: object) -> Terminal:
        terminal = Terminal(arguments, tmp_path, **options)  # type: ignore[arg-type]
        terminals.append(terminal)
        return terminal

    yield open_one
    for terminal in terminals:
        terminal.close()
    for study in (tmp_path / "runs").glob("*"):
        command = [sys.executable, "-m", "tuitrain", "stop", str(study)]
        subprocess.run(command, cwd=tmp_path, check=False, capture_output=True)


def run_all_steps(terminal: Terminal) -> None:
    """Walk through the six steps by keyboard, from the first plan to the acceptance."""
    terminal.wait_for("1 initial loss", "waits for enter")
    for number in range(1, 7):
        terminal.wait_for(f"▷ {number} ")
        terminal.press("\r")
        verdict = re.compile(f"[✓!?] {number} ")
        terminal.wait_until(partial(_shows, terminal, verdict), verdict.pattern)
        if number < 6:
            terminal.wait_for("enter goes on to")
            terminal.press("\r")
    terminal.wait_for("a accept the best")
    terminal.press("a")
    terminal.wait_for("Accept the best configuration")
    terminal.press("y")
    terminal.wait_for("accepted: trial")


def _shows(terminal: Terminal, pattern: re.Pattern[str]) -> bool:
    return pattern.search(terminal.text) is not None


@pytest.mark.timeout(300)
def test_the_demo_is_walked_through_by_keyboard_alone(
    open_terminal: Opener, tmp_path: Path
) -> None:
    terminal = open_terminal("demo")
    run_all_steps(terminal)
    terminal.press("q")
    assert terminal.wait_for_end() == 0
    (best,) = tmp_path.glob("runs/*/best.json")
    assert json.loads(best.read_text())["metrics"]["val_accuracy"] > 0.9


@pytest.mark.timeout(300)
def test_detaching_leaves_the_study_to_be_attached_again(
    open_terminal: Opener, tmp_path: Path
) -> None:
    first = open_terminal("demo")
    first.wait_for("waits for enter")
    first.press("\r")
    first.wait_for("enter goes on to 2 overfit small")
    first.press("d")
    assert first.wait_for_end() == 0
    (study,) = (tmp_path / "runs").glob("*")
    second = open_terminal("attach", str(study), columns=80, rows=24)
    second.wait_for("1✓", "2·")
    second.press("q")
    assert second.wait_for_end() == 0


def test_a_replay_needs_neither_torch_nor_a_supervisor(
    open_terminal: Opener, tmp_path: Path
) -> None:
    build_learning_curves(tmp_path / "study").close()
    terminal = open_terminal("replay", "study")
    terminal.wait_for("REPLAY")
    terminal.press("\x1b[F")
    terminal.wait_for("overfitting from epoch 1", "2/2 trials")
    mapped = Path(f"/proc/{terminal.pid}/maps").read_text()
    assert "torch" not in mapped
    terminal.press("q")
    assert terminal.wait_for_end() == 0


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_restores_the_terminal_and_ends_the_screen(
    open_terminal: Opener, tmp_path: Path, number: int, status: int
) -> None:
    build_coarse_grid(tmp_path / "study").close()
    terminal = open_terminal("replay", "study")
    terminal.wait_for("REPLAY")
    os.kill(terminal.pid, number)
    assert terminal.wait_for_end() == status
    for sequence in RESTORED:
        assert sequence.encode() in terminal.received


def test_a_vanished_terminal_ends_the_screen(
    open_terminal: Opener, tmp_path: Path
) -> None:
    build_coarse_grid(tmp_path / "study").close()
    terminal = open_terminal("replay", "study")
    terminal.wait_for("REPLAY")
    terminal.vanish()
    wait_for(lambda: not _is_alive(terminal.pid), "the end of the screen")


def test_nothing_is_sent_while_nothing_changes(
    open_terminal: Opener, tmp_path: Path
) -> None:
    build_coarse_grid(tmp_path / "study").close()
    terminal = open_terminal("replay", "study")
    terminal.wait_for("REPLAY")
    terminal.press("\x1b[F")
    terminal.wait_for("REPLAY paused", "6/9 trials")
    while terminal.read(1.0):
        pass
    assert terminal.read(2.0) == 0


def test_where_only_ascii_can_be_written_no_sign_is_lost(
    open_terminal: Opener, tmp_path: Path
) -> None:
    build_coarse_grid(tmp_path / "study").close()
    terminal = open_terminal("replay", "study", PYTHONIOENCODING="ascii")
    terminal.wait_for("REPLAY")
    terminal.press("\x1b[F")
    terminal.wait_for("+ 1 initial loss", "> 4 coarse grid")
    assert terminal.text.isascii()


def test_the_size_is_the_terminals_own_whatever_the_environment_says(
    open_terminal: Opener, tmp_path: Path
) -> None:
    build_coarse_grid(tmp_path / "study").close()
    terminal = open_terminal("replay", "study", COLUMNS="80", LINES="24")
    terminal.wait_for("REPLAY")
    terminal.wait_until(
        lambda: "? help" in terminal.text.splitlines()[35], "keys in the last line"
    )
    terminal.process.setwinsize(24, 80)
    terminal.wait_until(
        lambda: "? help" in terminal.text.splitlines()[23], "keys in the last line"
    )


def _is_alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
