"""A study walked in memory: the checklist decides, made-up trainings answer."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tuitrain.checklist import Settings, answer, next_events, settings_from
from tuitrain.commands import Command, SetAuto
from tuitrain.events import (
    CheckpointSaved,
    EpochEnded,
    Event,
    LossFacts,
    OutcomeKind,
    PointsMeasured,
    Record,
    Step,
    StudyOpened,
    TaskDescribed,
    TrialEnded,
    TrialFinished,
    TrialId,
    TrialQueued,
    TrialStarted,
    VerdictReached,
    to_column,
)
from tuitrain.model import StudyModel, TrialModel, TrialState, fold, fold_all
from tuitrain.units import Seconds

DIGITS = LossFacts(
    name="CrossEntropyLoss",
    kind="cross_entropy",
    reduction="mean",
    classes=10,
    priors=[0.1] * 10,
    batch_size=32,
)
ITERATIONS_PER_EPOCH = 40


@dataclass(frozen=True)
class Run:
    """What a made-up training measured, and how it ended."""

    loss: Sequence[float]
    accuracy: Sequence[float] = ()
    validation: Sequence[tuple[float, float]] = ()
    """(loss, accuracy), one pair an epoch."""
    others: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Further series, one value an iteration."""
    outcome: OutcomeKind = OutcomeKind.COMPLETED
    message: str = ""
    facts: LossFacts = DIGITS


Training = Callable[[TrialModel], Run]
"""What a trial of some configuration and limits measures."""


def healthy(trial: TrialModel) -> Run:
    """Best at LR 1e-2; explodes from 1 on; far too slow from 1e-5 down."""
    lr = float(trial.config["lr"])
    if not trial.limits.update:
        return Run([2.30 + 0.01 * ((trial.seed + i) % 3) for i in range(5)])
    if lr >= 1:
        return Run([2.3, 50.0, math.inf], outcome=OutcomeKind.NON_FINITE)
    speed = 1.0 / (1.0 + 4.0 * abs(math.log10(lr) + 2)) if lr > 1e-6 else 0.0
    count = trial.limits.iterations or ITERATIONS_PER_EPOCH * (trial.limits.epochs or 1)
    loss = [2.3 * math.exp(-0.06 * speed * i) + 0.02 for i in range(count)]
    accuracy = [min(1.0, 1.05 - value / 2.3) for value in loss]
    if trial.limits.stop_at_fit and max(accuracy) >= 1.0:
        fitted = accuracy.index(1.0) + 1
        return Run(loss[:fitted], accuracy[:fitted], outcome=OutcomeKind.FITTED)
    decay = float(trial.config["weight_decay"])
    epochs = count // ITERATIONS_PER_EPOCH if trial.limits.validate else 0
    ends = [loss[(e + 1) * ITERATIONS_PER_EPOCH - 1] for e in range(epochs)]
    validation = [(end + 0.05, 0.99 - end / 3 + decay) for end in ends]
    return Run(loss, accuracy, validation)


class Walk:
    """A study whose journal and trials live in a list."""

    def __init__(self, training: Training = healthy, **settings: Any) -> None:
        self.settings: Settings = settings_from({"script": "train.py", **settings})
        self.training = training
        self.model = StudyModel()
        self.records: list[Record] = []
        self.take(StudyOpened(name="digits", script="train.py", settings={}))

    def take(self, *events: Event) -> None:
        for event in events:
            count = len(self.records)
            at_s = Seconds(1e9 + count)
            record = Record(seq=count, at_s=at_s, mono_s=Seconds(count), event=event)
            self.records.append(record)
            self.model = fold(self.model, record)

    def command(self, command: Command) -> tuple[Event, ...]:
        """Give a command; return the events that answer it, folded already."""
        events = answer(self.model, self.settings, command)
        self.take(*events)
        return events

    def decide(self) -> bool:
        """Fold what follows from the model; False: nothing does."""
        events = next_events(self.model, self.settings)
        self.take(*events)
        return bool(events)

    def train(self, trial: TrialModel) -> None:
        """Carry out one queued trial."""
        run = self.training(trial)
        self.take(_started(trial.trial), _described(trial, run), *_measured(trial, run))
        self.take(
            TrialFinished(
                trial=trial.trial,
                outcome=run.outcome,
                iteration=len(run.loss),
                message=run.message,
            ),
            TrialEnded(trial=trial.trial, exit_code=0),
        )

    def rest(self) -> None:
        """Decide and train until a person is waited for."""
        while self.decide() or self._train_next():
            pass

    def auto(self, until: Step | None = None) -> "Walk":
        """Walk by itself as far as it goes."""
        self.command(SetAuto(on=True, until=until))
        self.rest()
        return self

    def verdict(self, step: Step) -> VerdictReached:
        """Return the newest judgement of `step`."""
        run = next(r for r in reversed(self.model.runs) if r.step is step and r.reached)
        assert run.reached is not None
        return run.reached

    def trials(self, step: Step) -> list[TrialModel]:
        """Return the trials of the newest run of `step`."""
        run = self.model.latest(step)
        return [] if run is None else self.model.trials_of(run)

    def replayed(self, count: int) -> StudyModel:
        """Return the model after the first `count` records, as a new supervisor sees it."""
        return fold_all(StudyModel(), self.records[:count])

    def _train_next(self) -> bool:
        waiting = [
            t for t in self.model.trials.values() if t.state is TrialState.QUEUED
        ]
        if waiting:
            self.train(waiting[0])
        return bool(waiting)


def _started(trial: TrialId) -> TrialStarted:
    return TrialStarted(
        trial=trial,
        pid=1,
        start_ticks=1,
        boot_id="b",
        shim_pid=2,
        shim_start_ticks=1,
        device="cpu",
        threads=1,
        how="warm",
    )


def _described(trial: TrialModel, run: Run) -> Event:
    if run.outcome is OutcomeKind.REJECTED:
        return TrialQueued(
            trial=trial.trial,
            step=trial.step or Step.INITIAL_LOSS,
            round=trial.round,
            attempt=trial.attempt,
            config=trial.config,
            limits=trial.limits,
            seed=trial.seed,
        )
    return TaskDescribed(
        trial=trial.trial,
        loss=run.facts,
        parameters=100,
        layers=["fc.weight"],
        train_samples=1437,
        val_samples=360 if run.validation else None,
        batch_size=32,
        iterations_per_epoch=ITERATIONS_PER_EPOCH,
        metrics=["loss", "accuracy"] if run.accuracy else ["loss"],
    )


def _measured(trial: TrialModel, run: Run) -> list[Event]:
    columns = {"loss": run.loss, "accuracy": run.accuracy, **run.others}
    events: list[Event] = [
        PointsMeasured(
            trial=trial.trial,
            iteration=list(range(1, len(column) + 1)),
            values={name: to_column([float(value) for value in column])},
        )
        for name, column in columns.items()
        if column
    ]
    for epoch, (loss, accuracy) in enumerate(run.validation, start=1):
        at = epoch * ITERATIONS_PER_EPOCH
        values = {"val_loss": to_column([loss])}
        if run.accuracy:
            values["val_accuracy"] = to_column([accuracy])
        events += [
            PointsMeasured(trial=trial.trial, iteration=[at], values=values),
            EpochEnded(trial=trial.trial, epoch=epoch, iteration=at),
            CheckpointSaved(
                trial=trial.trial, epoch=epoch, iteration=at, path="checkpoint.pt"
            ),
        ]
    return events
