"""P10: hostile text can't act on the terminal, nor crash what shows it.

Every byte that the real program sends to a real pseudo-terminal is looked at: it may
hold only the kinds of escape sequences that it sends for a harmless study as well.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.hostile import CORPUS, build_hostile, find_bad, shapes
from tests.flow.terminal import Terminal

pytestmark = [pytest.mark.flow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
HARMLESS = [f"word {number}" for number in range(len(CORPUS))]
SCRIPT_NAME = "x\x1b]0;EVIL\x07\u202ey [@click=app.quit]z.py"
COMMANDS = (
    ("replay", "--headless"),
    ("diagnose",),
    ("diagnose", "--json"),
    ("replay", "--json"),
)


@pytest.fixture(scope="module")
def studies(tmp_path_factory) -> tuple[Path, Path]:
    """A folder of a harmless and a hostile study."""
    folder = tmp_path_factory.mktemp("studies")
    build_hostile(folder / "harmless", HARMLESS).close()
    build_hostile(folder / "hostile", list(CORPUS.values())).close()
    return folder / "harmless", folder / "hostile"


def tour(terminal: Terminal, trials: int) -> None:
    """Look at every screen, and at some trials, the first one's log included."""
    terminal.wait_for("4 coarse grid")
    terminal.press("\x1b[F")
    terminal.wait_for(f"trials · {2 * len(CORPUS)}")
    for key in "\t\t\t\tglcu?e":
        look(terminal, key)
        if key != "\t":
            look(terminal, "\x1b")
    for _ in range(trials):
        for key in ("t", "\x1b", "\x1b[B"):
            look(terminal, key)
    leave(terminal)


def leave(terminal: Terminal) -> None:
    """Quit the screen; a key right after an escape may have been taken for another."""
    while terminal.process.isalive():
        look(terminal, "q")
    assert terminal.wait_for_end() == 0


def look(terminal: Terminal, key: str) -> None:
    """Press a key and read until nothing more comes for a moment."""
    terminal.press(key)
    while terminal.read(0.1):
        pass


def replayed(study: Path, trials: int) -> bytes:
    terminal = Terminal(["replay", study.name], study.parent)
    try:
        tour(terminal, trials)
    finally:
        terminal.close()
    return bytes(terminal.received)


def test_the_screen_sends_nothing_that_it_does_not_send_for_harmless_words(
    studies, figure
):
    harmless, hostile = replayed(studies[0], 2), replayed(studies[1], len(CORPUS))
    assert find_bad(harmless) == []
    strange = sorted(shapes(hostile) - shapes(harmless))
    bad = find_bad(hostile)
    figure(
        "P10",
        f"kinds of escape sequences and characters that hostile text got to the "
        f"terminal ({len(CORPUS)} texts, every screen, {len(hostile):,} bytes)",
        len(strange) + len(bad),
        asked="0",
        is_met=not strange and not bad,
    )
    assert strange == []
    assert bad == []


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    known = os.environ.get("PYTHONPATH", "")
    path = os.pathsep.join(filter(None, [str(ROOT), known]))
    return subprocess.run(
        [sys.executable, "-m", "tuitrain", *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=300,
        env={**os.environ, "PYTHONPATH": path},
    )


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_what_is_printed_holds_no_escape_at_all(studies, command, figure):
    name, *options = command
    printed = run(studies[1].parent, name, studies[1].name, *options)
    assert printed.returncode in (0, 1), printed.stderr
    assert printed.stderr == b""
    bad = find_bad(printed.stdout) + sorted(map(repr, shapes(printed.stdout)))
    figure(
        "P10",
        f"the same in what `{' '.join(command)}` prints",
        len(bad),
        asked="0",
        is_met=not bad,
    )
    assert bad == []


@pytest.fixture
def training(tmp_path) -> Iterator[Path]:
    """A folder with the hostile script in it; its study is stopped at the end."""
    shutil.copy(Path(__file__).with_name("hostile_training.py"), tmp_path / SCRIPT_NAME)
    yield tmp_path
    for study in (tmp_path / "runs").glob("*"):
        run(tmp_path, "stop", str(study))


def test_a_real_training_may_print_measure_and_raise_what_it_likes(training, figure):
    options = ("--headless", "--gpus", "none", "--slots", "1", "--until", "1")
    live = run(training, "run", SCRIPT_NAME, *options)
    assert live.returncode == 1, live.stderr
    (study,) = (training / "runs").glob("*")
    again = run(training, "replay", str(study), "--headless")
    listed = run(training, "list")
    said = [live.stdout, live.stderr, again.stdout, again.stderr, listed.stdout]
    bad = [what for printed in said for what in find_bad(printed)]
    assert b"RuntimeError" in live.stdout
    assert not set().union(*map(shapes, said))
    terminal = Terminal(["attach", str(study)], training)
    try:
        terminal.wait_for("1 initial loss")
        for key in ("t", "\x1b", "l", "\x1b[F", "\x1b", "\t", "\t", "?", "\x1b"):
            look(terminal, key)
        assert b"RuntimeError" in terminal.received
        leave(terminal)
    finally:
        terminal.close()
    bad += find_bad(bytes(terminal.received))
    figure(
        "P10",
        "the same in a real training's study: live, replayed, listed, on the screen",
        len(bad),
        asked="0",
        is_met=not bad,
    )
    assert bad == []
