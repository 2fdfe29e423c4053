"""What the screen costs a terminal and this machine, live and at rest; and its peers.

Four trials bring 50 points a second each, played from made-up curves by
`terminal_study`. W&B's viewer gets one such run, and `htop` shows this machine.
"""

import contextlib
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import terminal_wandb as wandb_run
from tests.benchmarks.figures import Figure, tell, within
from tests.benchmarks.terminal_pty import Terminal, tuitrain_command

SIZES = {(120, 40): 1.5, (80, 24): 1.0}
"""Columns and rows, and how many KiB/s they may take."""
SLOW_BYTES_PER_S = 200
STALL_S = 10.0


@dataclass(frozen=True)
class Span:
    """How long each part takes, in seconds."""

    warm_s: float
    measured_s: float
    rest_s: float
    keys: int


FULL = Span(warm_s=60.0, measured_s=60.0, rest_s=30.0, keys=120)
QUICK = Span(warm_s=5.0, measured_s=10.0, rest_s=5.0, keys=20)


@contextlib.contextmanager
def _playing(command: Sequence[str]) -> Iterator[None]:
    """Run what writes points, from the time it has begun."""
    player = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert player.stdout is not None
        player.stdout.readline()
        yield
    finally:
        player.send_signal(signal.SIGTERM)
        player.wait()
        if player.stdout is not None:
            player.stdout.close()


@contextlib.contextmanager
def _live_study(folder: Path) -> Iterator[Path]:
    """Play the study in `folder`, and stop its supervisor afterwards."""
    path = folder / "live"
    player = [sys.executable, "-m", "tests.benchmarks.terminal_study", str(path)]
    try:
        with _playing(player):
            yield path
    finally:
        stop = tuitrain_command("stop", str(path))
        subprocess.run(stop, capture_output=True, check=False)


@contextlib.contextmanager
def _shown(terminal: Terminal) -> Iterator[Terminal]:
    try:
        yield terminal
    finally:
        terminal.close()


@dataclass(frozen=True)
class Cost:
    """What a program took while it was watched."""

    kib_per_s: float
    writes_per_s: float
    cpu_ratio: float
    """Of one core."""
    rss_mib: float


def _watch(terminal: Terminal, warm_s: float, measured_s: float) -> Cost:
    """Watch a program for a time after another."""
    terminal.count_bytes(warm_s)
    cpu_s, since_s = terminal.cpu_s(), time.monotonic()
    count = terminal.count_bytes(measured_s)
    passed_s = time.monotonic() - since_s
    return Cost(
        count / passed_s / 1024,
        len(terminal.reads(since_s)) / passed_s,
        (terminal.cpu_s() - cpu_s) / passed_s,
        terminal.rss_bytes() / 2**20,
    )


_TAB = re.compile(rb"(?<!\x1b)\[")
"""Of the tabs, where one pane is shown at a time; not the start of a sequence."""
_CHOSEN = re.compile("▸".encode())
"""Stands at the chosen trial; sent only when another one is chosen."""


def _key_times_ms(terminal: Terminal, count: int, *, is_wide: bool) -> list[float]:
    """Return how long after each key its effect came."""
    keys, effect = ((b"j", b"k"), _CHOSEN) if is_wide else ((b"\t",), _TAB)
    chance = random.Random(0)
    times = []
    for number in range(count):
        # A moment that has nothing to do with when the screen is drawn anyway.
        time.sleep(chance.uniform(0.1, 0.5))
        pressed_s = terminal.press(keys[number % len(keys)])
        seen_s = terminal.wait_for(lambda c: effect.search(c) is not None, pressed_s)
        times.append((seen_s - pressed_s) * 1e3)
    return sorted(times)


def _live(span: Span, costs: list[Cost]) -> Iterator[Figure]:
    """Watch a live study in both sizes; append what each took to `costs`."""
    for (columns, rows), budget in SIZES.items():
        with tempfile.TemporaryDirectory() as name, _live_study(Path(name)) as path:
            command = tuitrain_command("attach", str(path))
            shown = Terminal(command, Path(name), columns=columns, rows=rows)
            with _shown(shown) as terminal:
                cost = _watch(terminal, span.warm_s, span.measured_s)
                costs.append(cost)
                what = f"live, {columns} × {rows}"
                yield within(what, cost.kib_per_s, budget, "KiB/s")
                yield Figure(f"{what}: writes a second", f"{cost.writes_per_s:.1f}")
                yield within(f"{what}: CPU", 100 * cost.cpu_ratio, 5, "% of a core", 1)
                yield within(f"{what}: memory", cost.rss_mib, 100, "MiB", 0)
                times = _key_times_ms(terminal, span.keys, is_wide=columns > 100)
                middle, late = statistics.median(times), times[int(0.95 * len(times))]
                yield within(f"{what}: key to screen, median", middle, 30, "ms", 1)
                yield within(f"{what}: key to screen, p95", late, 80, "ms", 1)
                if columns > 100:
                    yield from _slow(terminal, span)


def _slow(terminal: Terminal, span: Span) -> Iterator[Figure]:
    """Let the terminal read slowly, then not at all, then as before."""
    terminal.limit_bytes_per_s = SLOW_BYTES_PER_S
    # What the machine keeps between the two is filled by then.
    terminal.count_bytes(span.warm_s)
    since_s = time.monotonic()
    terminal.count_bytes(span.measured_s)
    shown = b"".join(read.content for read in terminal.reads(since_s))
    per_s = shown.count(b"\x1b[?2026h") / span.measured_s
    what = f"pictures a second where {SLOW_BYTES_PER_S} B/s are read"
    yield Figure(what, f"{per_s:.1f}")
    terminal.limit_bytes_per_s = 0
    terminal.count_bytes(2.0)
    terminal.stall()
    time.sleep(min(STALL_S, span.measured_s))
    released_s = time.monotonic()
    terminal.go_on()
    pressed_s = terminal.press(b"j")
    seen_s = terminal.wait_for(lambda c: _CHOSEN.search(c) is not None, pressed_s)
    late_ms = (seen_s - released_s) * 1e3
    yield Figure("key to screen after a stall", f"{late_ms:.0f} ms")


def _at_rest(span: Span) -> Iterator[Figure]:
    """Look at a study in which nothing runs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = tuitrain_command("demo", "--study", "rest")
        try:
            with _shown(Terminal(command, folder)) as terminal:
                terminal.count_bytes(10.0)
                cost = _watch(terminal, 0.0, span.rest_s)
        finally:
            stop = tuitrain_command("stop", "rest")
            subprocess.run(stop, cwd=folder, capture_output=True, check=False)
    seconds = f"{span.rest_s:.0f} s"
    yield within(f"at rest, in {seconds}", cost.kib_per_s * 1024, 0, "bytes/s", 0)
    yield Figure("at rest: CPU", f"{100 * cost.cpu_ratio:.1f} % of a core")


def _peers(span: Span, ours: Cost) -> Iterator[Figure]:
    """Watch other programs; compare with what ours took in the same size."""
    if wandb_run.is_installed():
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            with (
                _playing(wandb_run.write_command(folder)),
                _shown(Terminal(wandb_run.leet_command(), folder)) as terminal,
            ):
                cost = _watch(terminal, span.warm_s, span.measured_s)
        yield from _peer("wandb leet, one run", cost)
        ratio = ours.kib_per_s / cost.kib_per_s
        yield within(
            "bytes of ours, four trials, to those of wandb leet", ratio, 1, "×"
        )
    else:
        yield Figure("wandb leet", wandb_run.MISSING)
    if (htop := shutil.which("htop")) is not None:
        with _shown(Terminal([htop], Path.cwd())) as terminal:
            cost = _watch(terminal, min(5.0, span.warm_s), span.rest_s)
        yield from _peer("htop", cost)
    else:
        yield Figure("htop", "is not installed here")


def _peer(name: str, cost: Cost) -> Iterator[Figure]:
    yield Figure(f"{name}, 120 × 40", f"{cost.kib_per_s:.2f} KiB/s")
    cpu = f"{100 * cost.cpu_ratio:.1f} % of a core, {cost.rss_mib:.0f} MiB"
    yield Figure(f"{name}: CPU and memory", cpu)


def measure(quick: bool) -> Iterator[Figure]:
    """Measure this program, then the others, one after the other."""
    span = QUICK if quick else FULL
    yield from _at_rest(span)
    costs: list[Cost] = []
    yield from _live(span, costs)
    yield from _peers(span, costs[0])


if __name__ == "__main__":
    tell(measure)
