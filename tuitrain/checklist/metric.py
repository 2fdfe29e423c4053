"""Which series ranks trials, and how they rank by it."""

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import msgspec

from tuitrain.checklist.plan import lr_of, weight_decay_of
from tuitrain.checklist.settings import Settings
from tuitrain.events import TrialId
from tuitrain.model import StudyModel, TrialModel, best_of

LOWER_IS_BETTER: Final = ("loss", "error", "mae", "mse", "perplexity", "wer", "cer")
"""Endings of names of metrics of which less is better, `val_rmse` among them."""

PREFERRED: Final = ("val_accuracy", "val_loss")
"""What `metric = "auto"` takes, the first that is measured; else the training loss."""


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """The series that ranks trials."""

    name: str
    highest: bool
    """Whether more is better."""

    @property
    def is_validation(self) -> bool:
        """Whether it is measured on data the model is not trained on."""
        return self.name.startswith("val_")

    @property
    def label(self) -> str:
        """As people say it: `val accuracy`."""
        return self.name.replace("_", " ")


def find_metric(model: StudyModel, settings: Settings) -> Metric:
    """Return the series that ranks trials: the one asked for, or the best there is."""
    name = settings.metric
    if name == "auto":
        measured = _measured(model.trials.values())
        known = [wanted for wanted in PREFERRED if wanted in measured]
        # Before anything was measured the usual case is the best guess.
        name = known[0] if known else ("loss" if measured else PREFERRED[0])
    highest = not name.endswith(LOWER_IS_BETTER)
    if settings.goal != "auto":
        highest = settings.goal == "max"
    return _metric(name, highest=highest)


@lru_cache(maxsize=64)
def _metric(name: str, *, highest: bool) -> Metric:
    """Return always the same object for the same metric: caches go by identity."""
    return Metric(name=name, highest=highest)


def best_value(model: StudyModel, trial: TrialId, metric: Metric) -> float | None:
    """Return the best value over the trial's whole trajectory; None: not measured."""
    best = best_of(model, trial, metric.name, highest=metric.highest)
    return None if best is None else best[1]


def rank(
    model: StudyModel, trials: Iterable[TrialModel], metric: Metric
) -> list[TrialModel]:
    """Return the trials that were measured by `metric`, best first.

    Ties go to the lower validation loss, then to the smaller LR and weight decay, then
    to the earlier trial, so that the order never depends on chance.
    """
    scored = []
    for trial in trials:
        value = best_value(model, trial.trial, metric)
        if value is not None:
            scored.append((_key(model, trial, metric, value), trial))
    scored.sort(key=lambda item: item[0])
    return [trial for _, trial in scored]


def _key(
    model: StudyModel, trial: TrialModel, metric: Metric, value: float
) -> tuple[float, float, float, float, int, str]:
    loss = best_value(model, trial.trial, Metric(name="val_loss", highest=False))
    return (
        -value if metric.highest else value,
        math.inf if loss is None else loss,
        lr_of(trial),
        weight_decay_of(trial),
        len(trial.trial),
        trial.trial,
    )


def _measured(trials: Iterable[TrialModel]) -> set[str]:
    """Return the names of series measured, or promised by a task's description."""
    names: set[str] = set()
    for trial in trials:
        names.update(name for name, series in trial.series.items() if len(series))
        task = trial.task
        if task is not None:
            names.update(task.metrics)
            if task.val_samples:
                names.update(f"val_{name}" for name in task.metrics)
    return names
