"""P3, without SSH: however the terminal goes, the screen goes with it."""

import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import psutil
import pytest

from tests.faults.paced_study import watch_end
from tests.flow.terminal import PROGRAM, Terminal
from tests.flow.waiting import wait_for

pytestmark = pytest.mark.flow

LOG = Path(__file__).parents[1] / "logs" / "digits_short"
GONE_S = 2.0
WITHOUT_CONTROL = ("setsid", "--wait", "sh", "-c")
"""A session of its own, and so no signal when its terminal hangs up."""

Open = Callable[..., tuple[Terminal, psutil.Process]]


@pytest.fixture(autouse=True)
def _signals_count() -> Iterator[None]:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def open_screen(tmp_path) -> Iterator[Open]:
    """Returns a terminal with a replay in it, and the process that draws it."""
    opened: list[tuple[Terminal, psutil.Process]] = []

    def open_one(program: tuple[str, ...] = ("sh", "-c")):
        note = tmp_path / "screen.pid"
        line = shlex.join([*PROGRAM, "replay", str(LOG)])
        terminal = Terminal(
            [f"echo $$ >{shlex.quote(str(note))}; exec {line}"],
            tmp_path,
            program=program,
        )
        terminal.wait_for("REPLAY")
        opened.append((terminal, psutil.Process(int(note.read_text()))))
        return opened[-1]

    yield open_one
    for terminal, screen in opened:
        terminal.close()
        if screen.is_running():
            screen.kill()


def stall(terminal: Terminal, screen: psutil.Process) -> None:
    """Read nothing any more, and make the screen draw until its writes wait."""
    keys = cycle(["?", "\x1b"])

    def is_stalled() -> bool:
        terminal.press(next(keys))
        time.sleep(0.15)  # an escape with a key right behind it would be another key
        return waits_for_terminal(screen)

    wait_for(is_stalled, "writes that wait for the terminal")


def waits_for_terminal(screen: psutil.Process) -> bool:
    """Whether a thread sleeps in the kernel's terminal code."""
    for thread in Path(f"/proc/{screen.pid}/task").iterdir():
        try:
            if "tty_write" in (thread / "wchan").read_text():
                return True
            call = (thread / "syscall").read_text().split()
        except OSError:
            continue
        # Number 1 is write() on x86-64, 64 on 64-bit Arm.
        number = {"x86_64": "1", "aarch64": "64"}.get(os.uname().machine)
        if call[0] == number and call[1] in ("0x1", "0x2"):
            return True
    return False


def tell(figure, how: str, took_s: float) -> None:
    figure(
        "P3",
        f"the screen's process is gone after: {how}",
        f"{took_s:.2f} s",
        asked=f"≤ {GONE_S:g} s",
        is_met=took_s <= GONE_S,
    )


def test_a_terminal_that_hangs_up_without_a_signal(open_screen, figure):
    terminal, screen = open_screen(WITHOUT_CONTROL)
    assert screen.terminal() is None
    tell(figure, "a hang-up without a signal", watch_end(screen, terminal.vanish))


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_terminal_that_stops_reading_and_hangs_up(open_screen, figure):
    terminal, screen = open_screen()
    stall(terminal, screen)
    took_s = watch_end(screen, terminal.vanish)
    tell(figure, "a hang-up while its writes wait", took_s)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_the_terminal_reads_nothing(open_screen, figure, number):
    terminal, screen = open_screen()
    stall(terminal, screen)
    took_s = watch_end(screen, lambda: screen.send_signal(number))
    tell(figure, f"{number.name} while its writes wait", took_s)
