"""Every key of the help does what it says, in the real program on a real terminal."""

import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.flow import supervised as played
from tests.flow.supervised import Supervised
from tests.flow.terminal import Terminal
from tests.flow.waiting import wait_for
from tests.tui.studies import build_learning_curves
from tuitrain.tui.keys import ALL_KEYS, Key, KeyGroup

pytestmark = [pytest.mark.flow, pytest.mark.timeout(300)]

SIZES = [(80, 24), (120, 40)]
SENT = {
    "enter": "\r",
    "esc": "\x1b",
    "space": " ",
    "tab": "\t",
    "shift+tab": "\x1b[Z",
    "↑": "\x1b[A",
    "↓": "\x1b[B",
    "→": "\x1b[C",
    "←": "\x1b[D",
    "shift+→": "\x1b[1;2C",
    "shift+←": "\x1b[1;2D",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "pgup": "\x1b[5~",
    "pgdn": "\x1b[6~",
    "backspace": "\x7f",
    "ctrl+s": "\x13",
    "ctrl+p": "\x10",
}
"""What a terminal sends for a key that is not itself a character."""

Seen = str | Callable[[str], bool]


@dataclass(frozen=True)
class Press:
    """A key, and what the screen shows then: texts, or conditions on all of it."""

    key: str
    seen: tuple[Seen, ...]


def press(key: str, *seen: Seen) -> Press:
    return Press(key, seen)


def gone(text: str) -> Seen:
    return lambda screen: text not in screen


def cursor_at(letter: str) -> Seen:
    return lambda screen: re.search(rf"▸[ ★][●○] {letter} ", screen) is not None


def drawn(letter: str, sign: str) -> Seen:
    return lambda screen: re.search(rf"{sign} {letter} ", screen) is not None


CLOSED = press("esc", "REPLAY", gone("─ help"), gone("─ grid"))

CURVES = (
    press("end", "REPLAY paused", gone(" 00:00/")),
    press("y", "loss · log"),
    press("y", "loss · iterations"),
    press("x", "loss · epochs"),
    press("x", gone("loss · epochs"), gone("loss · iterations")),
    press("x", "loss · iterations"),
    press("w", "mean of"),
    press("W", gone("mean of")),
    *(press(key) for key in "i)(I[{[]}0vb"),
)
"""How curves are drawn; a key without a text must change what is drawn."""

PLAYING = (
    press("end", "REPLAY paused"),
    press("home", " 00:00/"),
    press("→", " 00:10/"),
    press("←", " 00:00/"),
    press("shift+→", " 01:00/"),
    press("shift+←", " 00:00/"),
    press(".", lambda screen: re.search("1▷|▷ 1", screen) is not None),
    press(",", lambda screen: re.search("1·|· 1", screen) is not None),
    press(">", "found: "),
    press("<", " 00:00/"),
    press("+", "×8 "),
    press("-", "×4 "),
    press("space", "REPLAY ▶"),
    press("space", "REPLAY paused"),
    press("end", "REPLAY paused", gone(" 00:00/")),
)
"""Moving the replay."""

TABLE = (
    press("/", "trials", cursor_at("A")),
    press("esc", cursor_at("A")),
    press("↓", cursor_at("B")),
    press("↑", cursor_at("A")),
    press("m", drawn("A", "○")),
    press("M", drawn("A", "●")),
    press("S", "lr↑"),
    press("R", "lr↓"),
    press("R", "lr↑"),
    press("c", "compare · 2 trials"),
    CLOSED,
    press("t", "─ trial 00"),
    CLOSED,
    press("l", "─ log of trial"),
    CLOSED,
    press("g", "grid · best val_accuracy"),
    press("m", "grid · newest val_accuracy"),
    press("M", "grid · best val_accuracy"),
    CLOSED,
    press("?", "─ help", "The study"),
    press("end", "Signs"),
    *(press(key) for key in ("↑", "↓", "pgup", "pgdn")),
    press("home", "Run the current step"),
    CLOSED,
    press("ctrl+s", "saved as"),
    press("ctrl+p", "Search for commands"),
    press("esc", gone("Search for commands")),
)
"""What is seen of the trials, and the other screens."""

LOG = (
    press("l", "printed 199", "follows"),
    press("f", "stands still"),
    press("f", "follows"),
    press("/", "find in the log"),
    *(press(letter, letter) for letter in "d 7"),
    press("enter", "11 lines hold d 7"),
    # Line 7 is in sight already: it was gone to while it was typed.
    press("n", "printed 70", gone("printed 69")),
    press("n", gone("printed 70")),
    press("N", "printed 70"),
    press("end", "printed 199"),
    press("w", "the end of a long line"),
    press("w", gone("the end of a long line")),
    CLOSED,
)
"""The log."""

OTHERS = (
    press("e", "settings · replay", "plan · step 6"),
    press("←", "plan · step 5"),
    press("→", "plan · step 6"),
    CLOSED,
    press("u", "GPUs · 1", "Trials run on the CPU", "utilization"),
    CLOSED,
)
"""Screens on which a replay changes nothing."""

PLAN = (
    press("e", "settings · as in study.toml", "plan · step 1 initial loss"),
    press("↓", lambda screen: re.search("▸ initializations", screen) is not None),
    press("↑", lambda screen: re.search("▸ minibatches", screen) is not None),
    press("enter", "settings"),
    press("x", "✗"),
    press("backspace", gone("✗")),
    press("7", "1 not saved"),
    press("enter", "7 *"),
    press("backspace", "as in study.toml"),
    press("enter", "settings"),
    press("7", "1 not saved"),
    press("enter", "7 *"),
    press("s", "as in study.toml", "7"),
)
"""Editing the plan of step 1."""

STEERED = ("n", "p", "r", "o", "a", "A", "C", "s", "d", "q", *map(str, range(1, 10)))
"""Keys that need a live study; see below, and `tests/tui/test_keys.py`."""


def send(terminal: Terminal, wanted: Press) -> None:
    """Press a key and wait until the screen shows what it should."""
    before = terminal.text
    terminal.press(SENT.get(wanted.key, wanted.key))

    def is_seen() -> bool:
        text = terminal.text
        if not wanted.seen:
            return text != before
        return all(s in text if isinstance(s, str) else s(text) for s in wanted.seen)

    terminal.wait_until(is_seen, f"what {wanted.key} does")


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Returns terminals in an empty folder."""
    terminals: list[Terminal] = []

    def open_one(*arguments: str, size: tuple[int, int] = (120, 40)) -> Terminal:
        columns, rows = size
        terminal = Terminal(arguments, tmp_path, columns=columns, rows=rows)
        terminals.append(terminal)
        return terminal

    yield open_one
    for terminal in terminals:
        terminal.close()


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_every_key_of_a_replay_does_what_the_help_says(
    opened: Callable[..., Terminal], tmp_path: Path, size: tuple[int, int]
) -> None:
    study = build_learning_curves(tmp_path / "study")
    for trial in ("0021", "0022"):
        lines = [f"printed {number}\n" for number in range(200)]
        lines[190] = "x" * 160 + "the end of a long line\n"
        study.folder.trial(trial).out.write_text("".join(lines))  # type: ignore[arg-type]
    study.close()
    terminal = opened("replay", "study", size=size)
    terminal.wait_for("REPLAY", "?", "help")
    for wanted in (*CURVES, *PLAYING, *TABLE, *OTHERS, *LOG):
        send(terminal, wanted)
    assert list(tmp_path.glob("*.svg"))
    look_at_panes(terminal, is_wide=size[0] >= 100)
    terminal.press("q")
    assert terminal.wait_for_end() == 0


def look_at_panes(terminal: Terminal, *, is_wide: bool) -> None:
    """Go through the panes by key, and scroll the one that is chosen."""
    if is_wide:
        send(terminal, press("z", "[trials]"))
    else:
        terminal.wait_for("[trials]")
    send(terminal, press("tab", "[verdict]", "overfitting from epoch 1"))
    send(terminal, press("shift+tab", "[trials]"))
    send(terminal, press("pgdn", cursor_at("B")))
    send(terminal, press("pgup", cursor_at("A")))
    for name in ("ratios", "accuracy", "loss"):
        send(terminal, press("shift+tab", f"[{name}]"))
    if is_wide:
        send(terminal, press("z", "checklist", "update ratio"))


def test_every_key_of_the_help_is_pressed_here() -> None:
    every = (*CURVES, *PLAYING, *TABLE, *OTHERS, *PLAN, *LOG)
    pressed = {wanted.key for wanted in every}
    pressed |= {"z", "tab", "shift+tab", "pgdn", "pgup", "enter", *STEERED}
    missing = [key for key in ALL_KEYS if not _is_tested(key, pressed)]
    assert [key.help for key in missing] == []


def _is_tested(key: Key, pressed: set[str]) -> bool:
    # Home has tests of its own below.
    return key.shown in pressed or key.group is KeyGroup.HOME


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_home_opens_replays_and_asks_for_a_script(
    opened: Callable[..., Terminal], tmp_path: Path, size: tuple[int, int]
) -> None:
    for name in ("first", "second"):
        build_learning_curves(tmp_path / "runs" / name).close()
    terminal = opened(size=size)
    terminal.wait_for("first", "second", "6 learning curves · 2/2")
    send(
        terminal, press("↓", lambda screen: re.search("▸ +second", screen) is not None)
    )
    send(terminal, press("↑", lambda screen: re.search("▸ +first", screen) is not None))
    send(terminal, press("?", "─ help"))
    send(terminal, press("esc", "studies"))
    send(terminal, press("s", "Which script?"))
    for letter in "nope.py":
        terminal.press(letter)
    send(terminal, press("enter", "no such script"))
    send(terminal, press("v", "REPLAY"))
    send(terminal, press("q", "studies", gone("REPLAY")))
    terminal.press("q")
    assert terminal.wait_for_end() == 0


@pytest.fixture
def two_screens(
    supervised: Supervised,
    standin: None,
    opened: Callable[..., Terminal],
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[Terminal, Terminal]:
    # Long enough for a slow machine to press all keys; `let_go` ends it at once.
    monkeypatch.setattr(played, "POINTS", 10_000)
    supervised.change_settings()
    supervised.ensure()
    path = str(supervised.folder.path)
    first, second = opened("attach", path, size=(80, 24)), opened("attach", path)
    for terminal in (first, second):
        terminal.wait_for("waits for enter")
    return first, second


def is_judged_again(supervised: Supervised) -> bool:
    current = supervised.model().current
    return current is not None and current.attempt == 2 and current.reached is not None


def state_of(supervised: Supervised) -> str:
    ended = supervised.model().ended
    return ended.state if ended is not None else ""


def test_a_second_screen_sees_what_the_first_one_asks_for(
    two_screens: tuple[Terminal, Terminal], supervised: Supervised
) -> None:
    first, second = two_screens
    first.press("\r")
    second.wait_for("▶ 1 initial loss", "running")
    second.press("A")
    first.wait_for("auto")
    second.press("A")
    first.wait_until(lambda: "auto" not in first.text, "the end of auto")
    second.press("s")
    second.wait_for("Stop trial 0001?")
    second.press("y")
    second.wait_for("stopped")
    # The cursor went on to a trial that runs; the stopped one is above it.
    send(second, press("↑", cursor_at("A")))
    second.press("C")
    second.wait_for("trials · 4")
    send(first, press("/", "stopped"))
    send(first, press("w", " like w"))
    send(first, press("esc", "stopped", gone(" like ")))
    # Quitting asks once; by default trials go on.
    first.press("q")
    first.wait_for("What becomes of them?")
    first.press("\r")
    assert first.wait_for_end() == 0
    assert state_of(supervised) == ""
    second.press("q")
    second.wait_for("What becomes of them?")
    second.press("s")
    assert second.wait_for_end() == 0
    wait_for(lambda: state_of(supervised) == "stopped", "the end of the study")


def test_a_plan_is_edited_on_one_screen_and_shows_on_both(
    two_screens: tuple[Terminal, Terminal], supervised: Supervised
) -> None:
    first, second = two_screens
    for wanted in PLAN:
        send(first, wanted)
    second.wait_for("7 minibatches")
    saved = tomllib.loads(supervised.folder.settings.read_text())
    assert saved["initial_loss"]["batches"] == 7


def test_steps_are_judged_overruled_and_gone_through_on_both_screens(
    two_screens: tuple[Terminal, Terminal], supervised: Supervised
) -> None:
    first, second = two_screens
    supervised.let_go()
    first.press("\r")
    second.wait_for("✓ 1 initial loss")
    second.press("o")
    second.wait_for("Overrule the verdict of step 1")
    second.press("f")
    second.wait_for("Why?")
    second.press("x")
    second.press("\r")
    first.wait_for("1✗")
    second.press("r")
    wait_for(lambda: is_judged_again(supervised), "the second verdict")
    first.wait_for("1✓")
    second.wait_for("✓ 1 initial loss", "enter goes on to 2")
    second.press("n")
    first.wait_for("2▷")
    second.wait_for("step 2 of 6")
    second.press("p")
    first.wait_for("2·", " initial loss · 3/3")
    second.wait_for("· 2 overfit small", "step 1 of 6")
    second.press("a")
    second.wait_for("a configuration is accepted in step 6")
    second.press("1")
    second.wait_for("there is no advice 1")
    second.press("d")
    assert second.wait_for_end() == 0
    assert first.process.isalive()
