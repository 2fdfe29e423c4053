"""Bytes the screen sends to a terminal of 120 × 40: in a live study, and at rest."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.figures import Figure, tell, within
from tuitrain.events import StepStarted, StudyEnded
from tuitrain.store import LogFollower

ROWS, COLUMNS = 40, 120
GIVE_UP_S = 300.0
SETTLE_S = 5.0
"""The last redraws after the end of the study are over by then."""


class Screen:
    """The program in a pseudo-terminal, its output counted and thrown away."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
            os.execv(sys.executable, [sys.executable, "-m", "tuitrain", *arguments])
        size = struct.pack("HHHH", ROWS, COLUMNS, 0, 0)
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, size)

    def count_bytes(self, duration_s: float) -> int:
        """Return how many bytes come within `duration_s`."""
        count, end_s = 0, time.monotonic() + duration_s
        while (left_s := end_s - time.monotonic()) > 0:
            if select.select([self._terminal], [], [], left_s)[0]:
                count += len(os.read(self._terminal, 1 << 16))
        return count

    def close(self) -> None:
        os.kill(self.pid, signal.SIGTERM)
        os.close(self._terminal)
        os.waitpid(self.pid, 0)


def _count_until(
    screen: Screen, follower: LogFollower, kind: type
) -> tuple[int, float]:
    """Return bytes and seconds until an event of `kind` is in the journal."""
    count, started_s = 0, time.monotonic()
    while time.monotonic() - started_s < GIVE_UP_S:
        count += screen.count_bytes(0.1)
        if any(isinstance(record.event, kind) for record in follower.read()):
            return count, time.monotonic() - started_s
    raise TimeoutError(f"no {kind.__name__} within {GIVE_UP_S:.0f} s")


def measure(quick: bool) -> Iterator[Figure]:
    """Walk the demo on the screen, then leave it alone."""
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        screen = Screen(folder, "demo", "--auto", "--study", "live")
        try:
            follower = LogFollower(folder / "live" / "journal.jsonl")
            _count_until(screen, follower, StepStarted)
            count, live_s = _count_until(screen, follower, StudyEnded)
            screen.count_bytes(SETTLE_S)
            rest_s = 5.0 if quick else 30.0
            at_rest = screen.count_bytes(rest_s)
        finally:
            screen.close()
            stop = [sys.executable, "-m", "tuitrain", "stop", "live"]
            subprocess.run(stop, cwd=folder, capture_output=True, check=False)
    yield within("live, digits demo", count / live_s / 1024, 1.5, "KiB/s")
    yield Figure("of", f"{count / 1024:.0f} KiB in {live_s:.0f} s")
    yield within(f"at rest, in {rest_s:.0f} s", at_rest, 0, "bytes", 0)


if __name__ == "__main__":
    tell(measure)
