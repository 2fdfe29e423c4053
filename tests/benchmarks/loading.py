"""Opening a log: until the first curve could be drawn, until all is read, and memory."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.benchmarks.figures import Figure, tell, within
from tuitrain.events import (
    Event,
    PointsMeasured,
    TaskDescribed,
    TrialId,
    encode_record,
    to_column,
)
from tuitrain.events.codec import Record
from tuitrain.events.words import LossFacts
from tuitrain.store import LogWriter
from tuitrain.units import Seconds

TRIAL = TrialId("0001")
BATCH = 50
"""Iterations a line: what a training of 500 iterations a second writes in 0.1 s."""
SERIES = ("loss", "accuracy", "grad_norm", "lr")


def _write_log(path: Path, points: int) -> None:
    """Write a trial's log of `points` points in four series."""
    random = np.random.default_rng(0)
    events: list[Event] = [
        TaskDescribed(
            trial=TRIAL,
            loss=LossFacts(name="CrossEntropyLoss"),
            parameters=1,
            layers=[],
        )
    ]
    for start in range(1, points // len(SERIES), BATCH):
        iterations = list(range(start, start + BATCH))
        values = {name: to_column(random.random(BATCH)) for name in SERIES}
        events.append(PointsMeasured(trial=TRIAL, iteration=iterations, values=values))
    writer = LogWriter(path, f"{TRIAL}/points")
    writer.append(events)
    writer.close()


def _open(path: Path) -> None:
    """Open the log like a screen does, bite by bite; print times and memory."""
    before_kib = _peak_kib()
    started = time.perf_counter()
    from tuitrain.model import StudyModel, fold_all
    from tuitrain.sources import StudySource

    source, model = StudySource(path), StudyModel()
    first_s = 0.0
    while bite := source.read():
        model = fold_all(model, bite)
        if not first_s:
            model.trials[TRIAL].get("loss").columns(0, 1e6, 120)
            first_s = time.perf_counter() - started
    model.trials[TRIAL].get("loss").columns(0, 1e6, 120)
    whole_s = time.perf_counter() - started
    print(first_s, whole_s, model.trials[TRIAL].points, before_kib, _peak_kib())


def _peak_kib() -> int:
    """Peak memory of this program; `ru_maxrss` would count what the parent had, too."""
    status = Path("/proc/self/status").read_text()
    return next(int(s.split()[1]) for s in status.splitlines() if s.startswith("VmHWM"))


def _per_line_bytes() -> int:
    event = PointsMeasured(trial=TRIAL, iteration=[1], values={"loss": [0.5]})
    record = Record(seq=1, at_s=Seconds(1.7e9), mono_s=Seconds(1.0), event=event)
    return len(encode_record(record))


def measure(quick: bool) -> Iterator[Figure]:
    """Measure in a fresh process, since memory is part of it."""
    points = 100_000 if quick else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "points.jsonl"
        _write_log(path, points)
        size_mib = path.stat().st_size / 2**20
        run = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.loading", str(path)],
            capture_output=True,
            text=True,
            check=True,
        )
    first_s, whole_s, read, before_kib, peak_kib = map(float, run.stdout.split())
    yield Figure("log", f"{read:.0f} points, {size_mib:.0f} MiB")
    yield within("first curve", first_s, 0.5, "s")
    yield Figure("complete", f"{whole_s:.2f} s")
    yield Figure("points a second", f"{read / whole_s:,.0f}")
    yield within("peak memory of the process", peak_kib / 1024, 100, "MiB", 0)
    yield Figure("of it before the log is opened", f"{before_kib / 1024:.0f} MiB")
    yield Figure("bytes of a line with one point", f"{_per_line_bytes()}")


if __name__ == "__main__":
    arguments = [each for each in sys.argv[1:] if not each.startswith("-")]
    if arguments:
        _open(Path(arguments[0]))
    else:
        tell(measure)
