"""What a step wants to run, and what its judgement is made of."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Final

import msgspec

from tuitrain.checklist.settings import Settings
from tuitrain.diagnosis import PROBES
from tuitrain.events import (
    Advice,
    Config,
    Evidence,
    Finding,
    Severity,
    TrialId,
    TrialLimits,
    Verdict,
)
from tuitrain.model import StepRun, StudyModel, TrialModel, TrialState, successor


class TrialPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One trial a step wants."""

    config: Config
    limits: TrialLimits
    seed: int
    resumes: TrialId | None = None
    """The trial whose checkpoint it carries on from; None: starts anew."""

    def is_for(self, trial: TrialModel) -> bool:
        """Whether `trial`, of the same run of the same step, is this one carried out."""
        return trial.seed == self.seed and trial.config == self.config


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """A step's verdict before it is an event; see `VerdictReached` for the fields."""

    verdict: Verdict
    summary: str
    evidence: Evidence = msgspec.field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    advice: tuple[Advice, ...] = ()
    decision: Config = msgspec.field(default_factory=dict)
    best_trial: TrialId | None = None


Planner = Callable[[StudyModel, Settings, StepRun], tuple[TrialPlan, ...]]
"""What a run of a step wants as things stand; may grow as its trials end."""
Judge = Callable[[StudyModel, Settings, StepRun], Judgement]
"""The judgement of a run whose trials are all over."""


def make_config(settings: Settings, lr: float, weight_decay: float) -> Config:
    """Return the study's fixed values with the two that steps choose."""
    return {**settings.config, "lr": lr, "weight_decay": weight_decay}


def lr_of(trial: TrialModel) -> float:
    """Return the LR the trial was configured with."""
    return float(trial.config.get("lr", 0.0))


def weight_decay_of(trial: TrialModel) -> float:
    """Return the weight decay the trial was configured with."""
    return float(trial.config.get("weight_decay", 0.0))


def counted(model: StudyModel, run: StepRun) -> list[TrialModel]:
    """Return the trials a judgement counts: those over that nobody stopped.

    One that died and was carried on counts as the trial that took its place.
    """
    return [
        trial
        for trial in model.trials_of(run)
        if trial.state.is_over
        and trial.state is not TrialState.STOPPED
        and successor(model, trial.trial) is None
    ]


def working(trials: list[TrialModel]) -> list[TrialModel]:
    """Return the trials whose process did what it should, whatever the loss did."""
    return [trial for trial in trials if trial.state is TrialState.FINISHED]


def worst(findings: tuple[Finding, ...] | list[Finding]) -> Severity | None:
    """Return the highest severity among `findings`; None: there are none."""
    return max((f.severity for f in findings), key=lambda s: s.rank, default=None)


def verdict_from(findings: tuple[Finding, ...] | list[Finding]) -> Verdict:
    """Return what findings alone mean: fail from `high`, warn from `medium` on."""
    severity = worst(findings)
    if severity is None or severity.rank < Severity.MEDIUM.rank:
        return Verdict.PASS
    return Verdict.FAIL if severity.rank >= Severity.HIGH.rank else Verdict.WARN


def advice_of(findings: tuple[Finding, ...] | list[Finding]) -> tuple[Advice, ...]:
    """Return the advice of all findings, most severe first, each once.

    A consequence of another finding has no say: removing the cause comes first.
    """
    kinds = {finding.kind for finding in findings}
    causes = [f for f in findings if f.consequence_of not in kinds]
    ordered = sorted(causes, key=lambda f: -f.severity.rank)
    advice: list[Advice] = []
    for finding in ordered:
        advice.extend(a for a in finding.advice if a not in advice)
    return tuple(advice)


def with_cause(summary: str, findings: tuple[Finding, ...]) -> str:
    """Return `summary` with the grave cause named first, if one was found."""
    grave = (f for f in findings if f.severity.rank >= Severity.HIGH.rank)
    cause = next((f.kind for f in grave if f.kind in NAMED_CAUSES), None)
    return summary if cause is None else f"{describe_kind(cause)}: {summary}"


def describe_kind(kind: str) -> str:
    """Return a finding's kind as people read it: `LR not in force`."""
    words = kind.replace("_", " ")
    return f"LR {words.removeprefix('lr ')}" if words.startswith("lr ") else words


NAMED_CAUSES: Final = (*PROBES, "labels_carry_no_signal")
"""Kinds that say more than the symptom a summary tells."""


def number_trials(model: StudyModel) -> Iterator[TrialId]:
    """Give the names of the next trials, in order and without end."""
    known = [int(trial) for trial in model.trials if trial.isdecimal()]
    return (TrialId(f"{number:04d}") for number in count(max(known, default=0) + 1))
