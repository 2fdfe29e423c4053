"""How long a start takes: `tuitrain --help`, and a trial, warm and cold."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.figures import Figure, tell, within
from tuitrain.data import demo_script
from tuitrain.events import PointsMeasured, Step, TrialEnded, TrialId, TrialLimits
from tuitrain.launch import Launcher
from tuitrain.store import (
    LogFollower,
    StudyFolder,
    TrialFolder,
    TrialSpec,
    write_spec,
)

GIVE_UP_S = 120.0


def _run_ms(*command: str) -> float:
    started = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - started) * 1e3


def _prepare(study: StudyFolder, number: int) -> tuple[TrialSpec, TrialFolder]:
    trial = TrialId(f"{number:04d}")
    spec = TrialSpec(
        trial=trial,
        study=study.name,
        script=str(demo_script()),
        function="task",
        step=Step.FIND_LR,
        config={"lr": 1e-3, "weight_decay": 1e-4},
        limits=TrialLimits(iterations=20, validate=False),
    )
    folder = study.trial(trial)
    folder.path.mkdir(mode=0o700)
    write_spec(folder.spec, spec)
    return spec, folder


def _wait_for(launcher: Launcher, log: Path, kind: type) -> float:
    """Return the monotonic time at which the first event of `kind` was made."""
    follower = LogFollower(log)
    give_up_s = time.monotonic() + GIVE_UP_S
    while time.monotonic() < give_up_s:
        launcher.poll()
        for record in follower.read():
            if isinstance(record.event, kind):
                return record.mono_s
        time.sleep(0.002)
    raise TimeoutError(f"{log}: no {kind.__name__} within {GIVE_UP_S:.0f} s")


def _start_s(launcher: Launcher, study: StudyFolder, number: int) -> float:
    """Return the time from the launch of a trial to its first points in the log."""
    spec, folder = _prepare(study, number)
    started_s = time.monotonic()
    launcher.launch(spec, folder)
    first_s = _wait_for(launcher, folder.points, PointsMeasured)
    _wait_for(launcher, folder.state, TrialEnded)
    return first_s - started_s


def measure(quick: bool) -> Iterator[Figure]:
    """Measure each several times; the first warm start waits for the starter."""
    times = 5 if quick else 20
    program = str(Path(sys.executable).with_name("tuitrain"))
    _run_ms(program, "--help")
    helps = [_run_ms(program, "--help") for _ in range(times)]
    bares = [_run_ms(sys.executable, "-c", "pass") for _ in range(times)]
    yield within("tuitrain --help, median", statistics.median(helps), 100, "ms", 0)
    yield Figure(
        "baseline: python -c pass, median", f"{statistics.median(bares):.0f} ms"
    )
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    with tempfile.TemporaryDirectory() as path:
        study = StudyFolder(Path(path) / "bench")
        study.create()
        warm = Launcher(study.name)
        first_s = _start_s(warm, study, 1)
        warm_s = [_start_s(warm, study, number) for number in range(2, times + 2)]
        warm.close()
        cold = Launcher(study.name)
        cold.use(cold=True, python=None)
        cold_s = [_start_s(cold, study, number) for number in range(101, 104)]
        cold.close()
    yield within(
        "trial, warm, launch to first points, median",
        statistics.median(warm_s),
        0.3,
        "s",
    )
    yield Figure("the first one, which waits for the starter", f"{first_s:.2f} s")
    yield Figure("baseline: trial, cold, median", f"{statistics.median(cold_s):.2f} s")


if __name__ == "__main__":
    tell(measure)
