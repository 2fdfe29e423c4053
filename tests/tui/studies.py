"""The studies that tests look at, from an empty one to a hostile one."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.tui.builder import StudyBuilder
from tuitrain.events import (
    Advice,
    Confidence,
    Config,
    Finding,
    GpuReading,
    OutcomeKind,
    Severity,
    Step,
    TrialId,
    TrialLimits,
    Verdict,
)


def falling(rate: float, floor: float, seed: int) -> Callable[[int], float]:
    """A loss that falls from 2.3 to `floor`, noisier at first; the same for each seed."""
    noise = np.random.default_rng(seed).normal(size=100_000)

    def loss(iteration: int) -> float:
        share = math.exp(-rate * iteration)
        return (
            floor
            + (2.3 - floor) * share
            + 0.05 * (0.2 + share) * abs(float(noise[iteration]))
        )

    return loss


def build_coarse_grid(path: Path) -> StudyBuilder:
    """A study in the middle of step 4: two trials run, six are over, one waits."""
    study = StudyBuilder(path)
    study.gpus(
        GpuReading(
            uuid="GPU-1",
            name="NVIDIA H100",
            used_ratio=0.93,
            memory_used_bytes=12_025_908_428,
            memory_total_bytes=85_899_345_920,
            temp_c=62.0,
        )
    )
    _first_steps(study)
    study.enter(Step.COARSE_GRID)
    study.start()
    grid = [(lr, wd) for lr in (3.3e-3, 1e-2, 3e-2) for wd in (1e-4, 1e-5, 0.0)]
    trials = [
        study.queue({"lr": lr, "weight_decay": wd}, TrialLimits(epochs=3))
        for lr, wd in grid
    ]
    for index, trial in enumerate(trials[:8]):
        study.begin(trial, device="GPU-1")
        rate = (0.05, 0.12, 0.2)[index // 3]
        loss = falling(rate, 0.08 + 0.02 * (index % 3), index)
        is_running = index >= 6
        for epoch in (1, 2, 3):
            last = 12 * epoch
            if is_running and epoch == 3:
                last -= 7
            study.train(
                trial,
                range(12 * epoch - 11, last + 1),
                loss,
                ratio=(4e-4, 1.2e-3, 2.6e-2)[index // 3],
            )
            if not (is_running and epoch == 3):
                study.validate(trial, last, epoch, loss(last) + 0.1)
        if not is_running:
            study.finish(trial, iteration=36)
    return study


def _first_steps(study: StudyBuilder) -> None:
    study.enter(Step.INITIAL_LOSS)
    study.start()
    limits = TrialLimits(batches=5, update=False, regularize=False, validate=False)
    for seed in range(3):
        trial = study.queue({"lr": 1e-3, "weight_decay": 0.0}, limits)
        study.begin(trial)
        study.measure(trial, range(1, 6), {"loss": [2.31 + 0.01 * seed] * 5})
        study.finish(trial, iteration=5)
    study.judge(Verdict.PASS, "2.31 (ln 10 = 2.303)")
    study.enter(Step.OVERFIT_SMALL)
    study.start()
    limits = TrialLimits(iterations=500, batches=8, regularize=False, stop_at_fit=True)
    for index, lr in enumerate((1e-1, 1e-2, 1e-3, 1e-4)):
        trial = study.queue({"lr": lr, "weight_decay": 0.0}, limits)
        study.begin(trial)
        if index == 0:
            study.measure(trial, range(1, 4), {"loss": [2.3, 1e3, math.nan]})
            study.finish(trial, OutcomeKind.NON_FINITE, 3, "the loss is NaN")
        else:
            study.train(trial, range(1, 85), falling(0.1 / index, 0.02, index))
            study.finish(trial, OutcomeKind.FITTED, 84)
    study.judge(Verdict.PASS, "100 % after 84 iterations at LR 1e-2")
    study.enter(Step.FIND_LR)
    study.start()
    for index, lr in enumerate((1e-1, 1e-2, 1e-3, 1e-4)):
        trial = study.queue(
            {"lr": lr, "weight_decay": 1e-4}, TrialLimits(iterations=100)
        )
        study.begin(trial)
        study.train(trial, range(1, 101), falling(0.08 / (index + 1), 0.3, index))
        study.finish(trial, iteration=100)
    study.judge(Verdict.WARN, "LR 1e-2; 1e-1 is at the edge of what was tried")


def build_learning_curves(path: Path) -> StudyBuilder:
    """A study whose step 6 is judged: a warning, a finding, two advices."""
    study = build_coarse_grid(path)
    for trial in ("0018", "0019"):
        study.finish(TrialId(trial), iteration=29)
    last = TrialId("0020")
    study.begin(last)
    study.finish(last, iteration=1)
    study.judge(Verdict.PASS, "best val accuracy 80.7 %", best=TrialId("0018"))
    study.enter(Step.REFINE_GRID)
    study.start()
    trials = []
    for index, lr in enumerate((2e-2, 3e-2)):
        config: Config = {"lr": lr, "weight_decay": 1e-4}
        trial = study.queue(config, TrialLimits(epochs=15))
        study.begin(trial)
        loss = falling(0.1, 0.02, index)
        for epoch in range(1, 16):
            study.train(trial, range(12 * epoch - 11, 12 * epoch + 1), loss)
            study.validate(trial, 12 * epoch, epoch, 0.25 + 0.012 * epoch)
        study.finish(trial, iteration=180)
        trials.append(trial)
    study.judge(Verdict.PASS, "best val accuracy 76.8 %", best=trials[0])
    study.enter(Step.LEARNING_CURVES)
    study.start()
    finding = Finding(
        kind="overfitting",
        severity=Severity.HIGH,
        confidence=Confidence.HIGH,
        summary="Validation loss rises from epoch 1 on while training loss falls.",
        evidence={"train_loss": 0.02, "val_loss": 0.43},
        trial=trials[0],
    )
    advice = (
        Advice(
            text="Regularize more: weight decay 1e-3.", change={"weight_decay": 1e-3}
        ),
        Advice(text="Get more training data."),
    )
    study.judge(
        Verdict.WARN,
        "overfitting from epoch 1",
        findings=[finding],
        advice=advice,
        best=trials[0],
    )
    return study


HOSTILE = (
    "\x1b]0;owned\x07\x1b[2J\x1b[31mred[/] [@click=app.quit]x[/] \x9b31m \u202egnp "
    + "日本語 👩‍👩‍👧 e\u0301 "
    + "x" * 300
)
"""Escape sequences, markup, a bidi override, wide and combining characters, length."""


def build_hostile(path: Path) -> StudyBuilder:
    """A study in which every text that a script can choose is hostile."""
    study = StudyBuilder(path, name=HOSTILE)
    study.enter(Step.COARSE_GRID)
    study.start()
    config: Config = {"lr": 1e-2, "weight_decay": 0.0, HOSTILE: HOSTILE}
    trial = study.queue(config, TrialLimits(epochs=3))
    study.begin(trial, layers=[HOSTILE])
    study.measure(
        trial,
        [1, 2, 3],
        {"loss": [1e308, -1e308, math.nan], f"update_ratio/{HOSTILE}": [1e-3] * 3},
    )
    study.finish(trial, OutcomeKind.RAISED, 3, HOSTILE, f"Traceback\n{HOSTILE}")
    study.folder.trial(trial).out.write_text(HOSTILE + "\r\n" + HOSTILE)
    finding = Finding(
        kind=HOSTILE,
        severity=Severity.CRITICAL,
        confidence=Confidence.LOW,
        summary=HOSTILE,
        evidence={HOSTILE: HOSTILE},
    )
    advice = (Advice(text=HOSTILE, change={"lr": 1e-3}),)
    study.judge(Verdict.FAIL, HOSTILE, findings=[finding], advice=advice)
    return study


ODD_NUMBERS: dict[str, list[float]] = {
    "nothing but NaN": [math.nan] * 40,
    "infinite at both ends": [-math.inf, *[1.0] * 38, math.inf],
    "constant": [0.5] * 40,
    "one point": [2.3],
    "zeros and negative": [0.0, -1.0, 1.0, 0.0] * 10,
    "far off": [*[0.5] * 39, 1e12],
    "as large as can be": [1e308, -1e308] * 20,
    "as small as can be": [5e-324, -5e-324] * 20,
    "no points": [],
}
"""Values of a loss that plots and rules must bear."""


def build_odd_numbers(path: Path) -> StudyBuilder:
    """A study in which every trial measures numbers that are hard to draw."""
    study = StudyBuilder(path)
    study.enter(Step.COARSE_GRID)
    study.start()
    for index, (name, values) in enumerate(ODD_NUMBERS.items()):
        config: Config = {"lr": 10.0**-index, "weight_decay": 0.0, "what": name}
        trial = study.queue(config, TrialLimits(epochs=3))
        study.begin(trial)
        iterations = list(range(1, len(values) + 1))
        if values:
            ratio = {"update_ratio/fc1": values, "grad_norm": values}
            measured = {"loss": values, "accuracy": values, "val_loss": values}
            study.measure(trial, iterations, {**measured, **ratio})
        study.finish(trial, OutcomeKind.COMPLETED, len(values))
    return study


def build_crowd(path: Path, trials: int = 500, layers: int = 200) -> StudyBuilder:
    """A study with very many trials, the first one with very many layers."""
    study = StudyBuilder(path)
    study.enter(Step.COARSE_GRID)
    study.start()
    names = [f"blocks.{index}.attention.weight" for index in range(layers)]
    for index in range(trials):
        config: Config = {"lr": 1e-3, "weight_decay": 10.0**-index}
        trial = study.queue(config, TrialLimits(epochs=3))
        if index == 0:
            study.begin(trial, layers=names)
            ratios = {f"update_ratio/{name}": [1e-3] for name in names}
            study.measure(trial, [1], {"loss": [2.3], **ratios})
    return study
