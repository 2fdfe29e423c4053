"""Causes that show in every trial of a step, whatever became of its loss."""

from tuitrain.diagnosis import (
    Curves,
    find_lr_ignored,
    find_lr_not_in_force,
    find_zero_initialization,
    read_curves,
)
from tuitrain.events import Finding
from tuitrain.model import StudyModel, TrialModel


def find_causes(model: StudyModel, trials: list[TrialModel]) -> list[Finding]:
    """Return what probes say for certain: weights at zero, an LR that is not in force."""
    curves = [read_curves(model, trial.trial) for trial in trials]
    zero = [find_zero_initialization(each.ratios) for each in curves]
    causes = [_find_in_all(zero), _find_lr(curves)]
    return [cause for cause in causes if cause is not None]


def _find_lr(curves: list[Curves]) -> Finding | None:
    ignored = find_lr_ignored(curves)
    if ignored is not None:
        return ignored
    return _find_worst([find_lr_not_in_force(each) for each in curves])


def _find_in_all(found: list[Finding | None]) -> Finding | None:
    """Return the mildest of the findings if every trial has one.

    All trials begin alike: what one of them overcame is no reason to stop.
    """
    findings = [finding for finding in found if finding is not None]
    if len(findings) < len(found):
        return None
    return min(findings, key=lambda f: f.severity.rank, default=None)


def _find_worst(found: list[Finding | None]) -> Finding | None:
    findings = [finding for finding in found if finding is not None]
    return max(findings, key=lambda f: f.severity.rank, default=None)
