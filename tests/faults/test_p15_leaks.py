"""P15: nothing leaks, neither from who comes and goes nor from what is measured."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.faults.long_logs import make_study_with_points
from tests.faults.processes import of_kind
from tests.faults.real_study import RealStudy
from tests.flow.terminal import Terminal
from tests.flow.waiting import wait_for
from tuitrain.commands import RunStep
from tuitrain.store import StudyFolder
from tuitrain.supervisor import ensure_running
from tuitrain.supervisor.whereabouts import read_whereabouts
from tuitrain.wire import connect

CLIENTS = 300
SCREENS = 2
SOAK_S = 600.0
SETTLE_S = 120.0
"""Not part of the fit: allocators and caches fill first."""
TRIALS = 4
PAUSE_S, MORE = "0.004", "8"
MOST_BYTES_PER_H = 1 << 20
FEW_POINTS, MANY_POINTS = 100_000, 2_000_000
MOST_BYTES_A_POINT = 1.0
"""In the small size: memory comes in steps, and a point that is held takes 16."""


def count_descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def test_who_comes_and_goes_leaves_no_descriptor_behind(tmp_path, figure):
    study = RealStudy.create(tmp_path, PAUSE_S="0.05")
    try:
        assert study.ask(RunStep()).accepted
        wait_for(study.running, "the training")
        pid = of_kind(study.name, "supervisor")[0].identity.pid
        socket = Path(of_whereabouts(study))
        before, memory = count_descriptors(pid), psutil.Process(pid).memory_info().rss
        for number in range(CLIENTS):
            connection = connect(socket, study.name)
            if number % 10 == 0:
                connection.receive(0.01)
            connection.close()
        for _ in range(SCREENS):
            screen = Terminal(["attach", str(study.folder.path)], tmp_path)
            screen.wait_for(study.name)
            screen.vanish()
        wait_for(
            lambda: count_descriptors(pid) <= before, "as few descriptors as before"
        )
        after = count_descriptors(pid)
        grown = psutil.Process(pid).memory_info().rss - memory
        figure(
            "P15",
            f"descriptors before and after {CLIENTS + SCREENS} clients",
            f"{before} and {after}",
            asked="the same",
            is_met=after <= before,
        )
        figure(
            "P15", f"memory after {CLIENTS + SCREENS} clients", f"+{grown >> 10} KiB"
        )
    finally:
        study.end()


def of_whereabouts(study: RealStudy) -> str:
    whereabouts = read_whereabouts(study.folder)
    assert whereabouts is not None
    return whereabouts.socket


def test_points_that_were_measured_take_no_memory(tmp_path, sleeper, figure):
    few, many = (
        weigh_supervisor(make_study_with_points(tmp_path / f"of{n}", n, sleeper))
        for n in (FEW_POINTS, MANY_POINTS)
    )
    each = (many - few) / (MANY_POINTS - FEW_POINTS)
    figure(
        "P15",
        f"supervisor's memory for each of {MANY_POINTS:,} points",
        f"{each:.2f} bytes",
        asked=f"< {MOST_BYTES_A_POINT:g} byte",
        is_met=each < MOST_BYTES_A_POINT,
    )
    assert each < MOST_BYTES_A_POINT


def weigh_supervisor(folder: StudyFolder) -> int:
    """Return the bytes that a supervisor takes once it knows all points of a study."""
    connection = connect(ensure_running(folder), folder.name)
    whereabouts = read_whereabouts(folder)
    assert whereabouts is not None
    try:
        # One that is answered only when all points are read.
        assert connection.ask(RunStep()).message.endswith("is running already")
        return int(psutil.Process(whereabouts.pid).memory_info().rss)
    finally:
        connection.close()
        whereabouts.identity.send(signal.SIGKILL)
        wait_for(lambda: not whereabouts.identity.is_alive(), "its end")


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_ten_minutes_of_four_trainings_leak_nothing(tmp_path, figure):
    # Of 1,000 points a second, most are further values of an iteration, so that two
    # cores can make as many.
    study = RealStudy.create(
        tmp_path, trials=TRIALS, slots=TRIALS, PAUSE_S=PAUSE_S, MORE=MORE, UNTIMED="1"
    )
    try:
        assert study.ask(RunStep()).accepted
        wait_for(lambda: len(study.running()) == TRIALS, "the trainings")
        kinds = ("supervisor", "trial", "shim")
        watched = {k: [f.identity.pid for f in of_kind(study.name, k)] for k in kinds}
        socket = Path(of_whereabouts(study))
        samples: dict[str, list[tuple[float, int]]] = {kind: [] for kind in kinds}
        began_s = time.monotonic()
        descriptors = count_descriptors(watched["supervisor"][0])
        while (now_s := time.monotonic() - began_s) < SOAK_S:
            for kind, pids in watched.items():
                used = sum(psutil.Process(pid).memory_info().rss for pid in pids)
                samples[kind].append((now_s, used))
            connect(socket, study.name).close()
            time.sleep(2.0)
        total = sum(trial.points for trial in study.model().trials.values())
        for kind in kinds:
            slope = slope_per_h(samples[kind]) / len(watched[kind])
            tell_slope(figure, total, f"{kind}, each", slope)
        # What settles slows down; what leaks goes on as it began.
        later = slope_per_h(samples["supervisor"], SOAK_S / 2)
        tell_slope(figure, total, "supervisor, in the last half of them", later)
        after = count_descriptors(watched["supervisor"][0])
        figure(
            "P15",
            f"descriptors before and after {SOAK_S / 60:.0f} minutes",
            f"{descriptors} and {after}",
            asked="the same",
            is_met=after <= descriptors,
        )
        assert after <= descriptors
    finally:
        study.end()


def tell_slope(figure, total: int, what: str, slope: float) -> None:
    figure(
        "P15",
        f"{SOAK_S / 60:.0f} minutes, {total / SOAK_S:,.0f} points/s: {what}",
        f"{slope / 2**20:+.2f} MiB/h",
        asked="< 1 MiB/h",
        is_met=slope < MOST_BYTES_PER_H,
    )


def slope_per_h(samples: list[tuple[float, int]], since_s: float = SETTLE_S) -> float:
    """Return the growth in bytes an hour by a straight line through later samples."""
    kept = np.array([sample for sample in samples if sample[0] > since_s], dtype=float)
    return float(np.polyfit(kept[:, 0], kept[:, 1], 1)[0] * 3600)
