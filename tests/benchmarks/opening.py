"""Opening a finished log on the screen: first curve, all of it, memory; and W&B's."""

import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import terminal_wandb as wandb_run
from tests.benchmarks.figures import Figure, tell, within
from tests.benchmarks.terminal_pty import Terminal, tuitrain_command
from tests.benchmarks.terminal_study import write_finished

_CLEAR = b"\x1b[2J"
CURVE_CELLS = 12
"""The first frame with so many braille cells is the first curve."""
_BRAILLE = (b"\xe2\xa0", b"\xe2\xa1", b"\xe2\xa2", b"\xe2\xa3")
QUIET_S = 5.0
"""Who has drawn nothing for so long is done; the pause itself does not count."""
TIMES = 5
"""The median of so many openings, since each takes a second or less."""


@dataclass(frozen=True)
class Opened:
    """How one opening went."""

    first_s: float
    screen_s: float | None
    """Until the screen that keys are for shows a curve; None: the first curve is its."""
    whole_s: float
    peak_bytes: int
    first_cpu_s: float
    """Time of the CPU until the first curve: on a busy machine what can be compared."""
    cpu_s: float


def _has_curve(content: bytes) -> bool:
    return sum(content.count(start) for start in _BRAILLE) >= CURVE_CELLS


def _has_screen(content: bytes) -> bool:
    """Whether the first look, which has no panes, is replaced by a screen with a curve."""
    _, cleared, after = content.partition(_CLEAR)
    return bool(cleared) and b"trials" in after and _has_curve(after)


def _open(
    command: Sequence[str],
    folder: Path,
    is_complete: Callable[[bytes], bool] | None,
) -> Opened:
    """Open a log; without a sign of completeness, until nothing more is drawn."""
    terminal = Terminal(command, folder)
    try:
        first_s = terminal.wait_for(_has_curve) - terminal.started_s
        first_cpu_s = terminal.cpu_s()
        screen_s = None
        if is_complete is None:
            while terminal.count_bytes(QUIET_S):
                pass
            whole_s = terminal.reads()[-1].at_s - terminal.started_s
        else:
            screen_s = terminal.wait_for(_has_screen) - terminal.started_s
            whole_s = terminal.wait_for(is_complete) - terminal.started_s
            terminal.count_bytes(1.0)
        peak_bytes, cpu_s = terminal.peak_rss_bytes(), terminal.cpu_s()
        return Opened(first_s, screen_s, whole_s, peak_bytes, first_cpu_s, cpu_s)
    finally:
        terminal.close()


def _median(openings: list[Opened], of: Callable[[Opened], float]) -> float:
    return sorted(map(of, openings))[len(openings) // 2]


def _ours(folder: Path, points: int) -> Iterator[Figure]:
    write_finished(folder / "0001", points)
    command = tuitrain_command("replay", "0001")
    # While it reads, the header says so; then it says where the replay stands.
    openings = [_open(command, folder, lambda c: b"paused" in c) for _ in range(TIMES)]
    first_s = _median(openings, lambda o: o.first_s)
    screen_s = _median(openings, lambda o: o.screen_s or 0.0)
    whole_s = _median(openings, lambda o: o.whole_s)
    best = min(openings, key=lambda o: o.first_s)
    yield within("first curve, median of 5", first_s, 0.5, "s")
    yield Figure("first curve, the fastest", f"{best.first_s:.2f} s")
    yield Figure("the screen, with panes, keys and a curve", f"{screen_s:.2f} s")
    yield within("complete, median of 5", whole_s, 1.0, "s")
    peak = max(o.peak_bytes for o in openings) / 2**20
    yield within("peak memory of the screen", peak, 100, "MiB", 0)
    first_cpu_s = _median(openings, lambda o: o.first_cpu_s)
    cpu_s = _median(openings, lambda o: o.cpu_s)
    yield Figure("time of the CPU until the first curve", f"{first_cpu_s:.2f} s")
    yield Figure("time of the CPU", f"{cpu_s:.2f} s")


def _theirs(folder: Path, points: int) -> Iterator[Figure]:
    if not wandb_run.is_installed():
        yield Figure("W&B's viewer", wandb_run.MISSING)
        return
    subprocess.run(
        wandb_run.write_command(folder, points),
        stdout=subprocess.DEVNULL,
        check=True,
    )
    opened = _open(wandb_run.leet_command(), folder, None)
    yield Figure("wandb leet: first curve", f"{opened.first_s:.2f} s")
    yield Figure("wandb leet: nothing more is drawn after", f"{opened.whole_s:.0f} s")
    peak = opened.peak_bytes / 2**20
    yield Figure("wandb leet: peak memory", f"{peak:.0f} MiB")
    yield Figure("wandb leet: time of the CPU", f"{opened.cpu_s:.0f} s")


def measure(quick: bool) -> Iterator[Figure]:
    """Open the same curve with this program and with W&B's viewer."""
    points = 100_000 if quick else 1_000_000
    size = f"{points:,}".replace(",", " ")
    yield Figure("log", f"{size} points in two series")
    with tempfile.TemporaryDirectory() as path:
        yield from _ours(Path(path), points)
    with tempfile.TemporaryDirectory() as path:
        yield from _theirs(Path(path), points)


if __name__ == "__main__":
    tell(measure)
