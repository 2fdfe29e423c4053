"""Judging a long trial: by points in memory, and by points in a supervisor's file."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np

from tests.benchmarks.figures import Figure, tell, within
from tuitrain.diagnosis import examine
from tuitrain.events import TrialId
from tuitrain.model import EMPTY_SERIES, Series, SpilledSeries, StudyModel, TrialModel
from tuitrain.supervisor.spill import SpillFile

TRIAL = TrialId("0001")
SERIES = ("loss", "accuracy", "grad_norm")
BATCH = 100
TIMES = 7


def make_study(blank: Series, points: int) -> StudyModel:
    """Return a study with one trial of so many points, that came as they do live."""
    rows = points // len(SERIES)
    noise = np.random.default_rng(0).normal(0, 0.05, rows)
    iterations = np.arange(1, rows + 1)
    loss = 0.3 + 2.0 * np.exp(-iterations / (rows / 8)) + noise
    columns = {
        "loss": loss,
        "accuracy": np.clip(1.2 - loss / 2, 0, 1),
        "grad_norm": 1.0 + noise,
    }
    series = dict.fromkeys(SERIES, blank)
    for first in range(0, rows, BATCH):
        for name, values in columns.items():
            part = slice(first, first + BATCH)
            series[name] = series[name].append(iterations[part], values[part])
    trial = TrialModel(trial=TRIAL, series=series, config={"lr": 0.01})
    return StudyModel(trials={TRIAL: trial})


def time_of(model: StudyModel) -> float:
    """Return the seconds that all rules take on the trial."""
    began_s = time.perf_counter()
    examine(model, TRIAL)
    return time.perf_counter() - began_s


def measure(quick: bool) -> Iterator[Figure]:
    points = 100_000 if quick else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        spill = SpillFile(Path(folder), least_free_bytes=0)
        held = make_study(EMPTY_SERIES, points)
        spilled = make_study(SpilledSeries(spill), points)
        assert examine(spilled, TRIAL) == examine(held, TRIAL)
        # In turn, so that a machine that gets busy is so for both.
        pairs = [(time_of(held), time_of(spilled)) for _ in range(TIMES)]
        spill.close()
    held_s, spilled_s = (median(each) for each in zip(*pairs, strict=True))
    ratio = median(late / early for early, late in pairs)
    what = f"diagnosis of a trial of {points:,} points"
    yield within(f"{what}, in memory", held_s * 1e3, 50, "ms", 0)
    yield within(f"{what}, in a supervisor's file", spilled_s * 1e3, 50, "ms", 0)
    yield Figure("… the file's time over the memory's, median of pairs", f"{ratio:.2f}")


if __name__ == "__main__":
    tell(measure)
