"""A study for the terminal's benchmark: real files, four trials played at a fixed rate.

`python -m tests.benchmarks.terminal_study FOLDER` writes the study and then plays its
trials, labelled as what it is: no training runs. The process stands in for their shims,
so that a real supervisor takes them for running.
"""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tuitrain.checklist import Settings, preview, settings_to
from tuitrain.checklist.settings import DeviceSettings, FindLrSettings
from tuitrain.cli.studies import write_settings
from tuitrain.events import (
    Event,
    LossFacts,
    OutcomeKind,
    PointsMeasured,
    Step,
    StepEntered,
    StepStarted,
    StudyOpened,
    SupervisorStarted,
    TaskDescribed,
    TrialFinished,
    TrialId,
    TrialQueued,
    TrialStarted,
    Verdict,
    VerdictReached,
    to_column,
)
from tuitrain.launch import ProcessIdentity
from tuitrain.model import StudyModel
from tuitrain.store import LogWriter, StudyFolder
from tuitrain.units import Seconds

POINTS_PER_S = 50
"""Iterations a second of each trial, each with loss and accuracy."""
FLUSH_S = 0.1
"""Between two lines of a trial, as its sender does."""
LAYERS = tuple(f"blocks.{n}.weight" for n in range(6))
RATIO_EVERY = 20
SEED = 0
PER_LINE = round(POINTS_PER_S * FLUSH_S)


class Curve:
    """Loss, accuracy and update ratios of a made-up training: falling, with noise."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._rate = 0.3 + 0.15 * seed
        self._floor = 0.1 + 0.05 * seed

    def measure(
        self, trial: TrialId, first: int, count: int, layers: Sequence[str] = LAYERS
    ) -> list[Event]:
        """Return the events of `count` iterations from `first` on."""
        iterations = np.arange(first, first + count)
        noise = self._random.normal(size=count)
        clean = self._floor + (2.3 - self._floor) * iterations**-self._rate
        loss = clean * np.exp(0.1 * noise)
        values = {"loss": loss, "accuracy": np.exp(-loss)}
        events: list[Event] = [_points(trial, iterations, values)]
        if layers and len(probed := iterations[iterations % RATIO_EVERY == 0]):
            size = (len(layers), len(probed))
            ratios = 1e-3 * np.exp(0.4 * self._random.normal(size=size))
            names = [f"update_ratio/{layer}" for layer in layers]
            events.append(_points(trial, probed, dict(zip(names, ratios, strict=True))))
        return events


def _points(trial: TrialId, iterations, values) -> PointsMeasured:
    columns = {name: to_column(value) for name, value in values.items()}
    return PointsMeasured(trial=trial, iteration=iterations.tolist(), values=columns)


class HandClock:
    """A clock that is set by hand, to write the past."""

    now_s = 1.79e9

    def wall_s(self) -> Seconds:
        return Seconds(self.now_s)

    def mono_s(self) -> Seconds:
        return Seconds(self.now_s)


def write_study(folder: StudyFolder) -> list[TrialId]:
    """Write a study that is in the middle of step 3, and return its running trials."""
    settings = Settings(
        script="played.py",
        function="task",
        find_lr=FindLrSettings(iterations=20_000),
        devices=DeviceSettings(gpus="none", cold=True, slots=4),
    )
    folder.create()
    write_settings(folder, settings)
    journal = LogWriter(folder.journal, "journal")
    opened = StudyOpened(
        name=folder.name, script=settings.script, settings=settings_to(settings)
    )
    journal.append([opened, SupervisorStarted(pid=os.getpid(), slots=4)])
    for step in (Step.INITIAL_LOSS, Step.OVERFIT_SMALL):
        journal.append([*_begin(step), _pass(step)])
    journal.append(_begin(Step.FIND_LR))
    plans = preview(StudyModel(), settings, Step.FIND_LR)
    trials = [TrialId(f"{n:04d}") for n in range(1, len(plans) + 1)]
    for trial, plan in zip(trials, plans, strict=True):
        queued = TrialQueued(
            trial=trial,
            step=Step.FIND_LR,
            round=1,
            attempt=1,
            config=plan.config,
            limits=plan.limits,
            seed=SEED,
        )
        journal.append([queued])
        folder.trial(trial).path.mkdir(mode=0o700)
        _start(folder, trial)
    journal.close()
    return trials


def _begin(step: Step) -> list[Event]:
    return [
        StepEntered(step=step, round=1, attempt=1),
        StepStarted(step=step, round=1, attempt=1),
    ]


def _pass(step: Step) -> Event:
    return VerdictReached(
        step=step, round=1, attempt=1, verdict=Verdict.PASS, summary="as expected"
    )


def _start(folder: StudyFolder, trial: TrialId) -> None:
    own = ProcessIdentity.of(os.getpid())
    assert own is not None
    started = TrialStarted(
        trial=trial,
        pid=own.pid,
        start_ticks=own.start_ticks,
        boot_id=own.boot_id,
        shim_pid=own.pid,
        shim_start_ticks=own.start_ticks,
        device="cpu",
        threads=1,
        how="played",
    )
    writer = LogWriter(folder.trial(trial).state, f"{trial}/state")
    writer.append([started])
    writer.close()


def _describe(trial: TrialId) -> Event:
    return TaskDescribed(
        trial=trial,
        loss=LossFacts(name="CrossEntropyLoss", kind="cross_entropy", classes=10),
        parameters=100_000,
        layers=list(LAYERS),
        train_samples=50_000,
        batch_size=64,
        iterations_per_epoch=781,
        metrics=["loss", "accuracy"],
        device="cpu",
    )


def play(folder: StudyFolder, trials: list[TrialId], paced: float = FLUSH_S) -> None:
    """Append points to all trials, at their rate, until ended by a signal."""
    writers = [LogWriter(folder.trial(t).points, f"{t}/points") for t in trials]
    curves = [Curve(seed) for seed in range(len(trials))]
    for trial, writer in zip(trials, writers, strict=True):
        writer.append([_describe(trial)])
    due_s = time.monotonic()
    for first in _firsts():
        for trial, writer, curve in zip(trials, writers, curves, strict=True):
            writer.append(curve.measure(trial, first, PER_LINE))
        due_s += paced
        time.sleep(max(0.0, due_s - time.monotonic()))


def _firsts() -> Iterator[int]:
    first = 1
    while True:
        yield first
        first += PER_LINE


def write_finished(folder: Path, points: int) -> None:
    """Write a trial folder whose log holds `points` values in two series, and an end.

    A line holds 50 iterations, which is what one second of `POINTS_PER_S` brings.
    """
    folder.mkdir(parents=True)
    clock, trial, curve = HandClock(), TrialId("0001"), Curve(0)
    writer = LogWriter(folder / "points.jsonl", f"{trial}/points", clock)
    iterations = points // 2
    events = [_describe(trial)]
    for first in range(1, iterations + 1, POINTS_PER_S):
        clock.now_s += 1.0
        writer.append([*events, *curve.measure(trial, first, POINTS_PER_S, LAYERS[:0])])
        events = []
    end = TrialFinished(
        trial=trial, outcome=OutcomeKind.COMPLETED, iteration=iterations, message=""
    )
    writer.append([end])
    writer.close()


def main() -> None:
    folder = StudyFolder(Path(sys.argv[1]))
    trials = write_study(folder)
    print("playing, no training", flush=True)
    play(folder, trials)


if __name__ == "__main__":
    main()
