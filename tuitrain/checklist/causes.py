"""Causes that show in every trial of a step, whatever became of its loss."""

from tuitrain.diagnosis import (
    Curves,
    find_lr_ignored,
    find_lr_not_in_force,
    look_inside,
    read_curves,
)
from tuitrain.events import Finding
from tuitrain.model import StudyModel, TrialModel


def find_causes(model: StudyModel, trials: list[TrialModel]) -> list[Finding]:
    """Return what probes say for certain of the task: bugs, an LR that is not in force."""
    lr = _find_lr([read_curves(model, trial.trial) for trial in trials])
    return [*([] if lr is None else [lr]), *find_bugs(model, trials)]


def find_bugs(model: StudyModel, trials: list[TrialModel]) -> list[Finding]:
    """Return the bugs that probes saw in every trial."""
    return _find_in_all([read_curves(model, trial.trial) for trial in trials])


def _find_lr(curves: list[Curves]) -> Finding | None:
    ignored = find_lr_ignored(curves)
    if ignored is not None:
        return ignored
    return _find_worst([find_lr_not_in_force(each) for each in curves])


def _find_in_all(curves: list[Curves]) -> list[Finding]:
    """Return the mildest finding of each kind that every trial has.

    All trials begin alike: what one of them overcame is no reason to stop.
    """
    found = [{f.kind: f for f in look_inside(each)} for each in curves]
    if not found:
        return []
    return [
        min((each[kind] for each in found), key=lambda f: f.severity.rank)
        for kind in found[0]
        if all(kind in each for each in found)
    ]


def _find_worst(found: list[Finding | None]) -> Finding | None:
    findings = [finding for finding in found if finding is not None]
    return max(findings, key=lambda f: f.severity.rank, default=None)
