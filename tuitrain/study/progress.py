"""How far a trial or a step has come, and how long it may still take."""

from collections.abc import Sequence

from tuitrain.model import StudyModel, TrialModel, TrialState
from tuitrain.units import Seconds

_RATE_FROM_ITERATIONS = 5
"""Iterations a trial must have made before its rate says anything."""


def planned_iterations(trial: TrialModel) -> int | None:
    """Return the iterations a trial makes at most; None: not known yet."""
    limits, task = trial.limits, trial.task
    bounds = []
    if limits.iterations is not None:
        bounds.append(limits.iterations)
    if limits.epochs is not None and task is not None and task.iterations_per_epoch:
        bounds.append(limits.epochs * task.iterations_per_epoch)
    return min(bounds, default=None)


def first_iteration(model: StudyModel, trial: TrialModel) -> int:
    """Return the iterations made before this trial, by those it carries on from."""
    loss = trial.get("loss")
    if len(loss):
        return max(0, int(loss.iterations[0]) - 1)
    parent = model.trials.get(trial.resumes) if trial.resumes else None
    if parent is None:
        return 0
    return parent.checkpoint.iteration if parent.checkpoint else 0


def trial_progress(model: StudyModel, trial: TrialModel) -> float | None:
    """Return the share done, 0..1; None: nothing is known of its length.

    A resumed trial counts from where it carried on.
    """
    if trial.state.is_over:
        return 1.0
    planned, first = planned_iterations(trial), first_iteration(model, trial)
    if planned is None or planned <= first:
        return 0.0 if trial.state is TrialState.QUEUED else None
    return min(1.0, max(0, trial.iteration - first) / (planned - first))


def trial_left_s(model: StudyModel, trial: TrialModel) -> Seconds | None:
    """Return the time a running trial still takes at its rate so far; None: not known."""
    planned, elapsed_s = planned_iterations(trial), trial.elapsed_s
    made = trial.iteration - first_iteration(model, trial)
    if (
        trial.state is not TrialState.RUNNING
        or planned is None
        or elapsed_s is None
        or made < _RATE_FROM_ITERATIONS
    ):
        return None
    return Seconds(max(0, planned - trial.iteration) * elapsed_s / made)


def step_left_s(model: StudyModel, trials: Sequence[TrialModel]) -> Seconds | None:
    """Return the time a step's trials still take; None: not known yet.

    Trials not begun are taken to last as long as those that ended, or as a running one
    is going to.
    """
    running = [t for t in trials if t.state is TrialState.RUNNING]
    queued = [t for t in trials if t.state is TrialState.QUEUED]
    if not running and not queued:
        return None
    lefts = [trial_left_s(model, trial) for trial in running]
    known = [left for left in lefts if left is not None]
    whole = [t.elapsed_s for t in trials if t.state.is_over and t.elapsed_s is not None]
    whole += [
        Seconds(left + (trial.elapsed_s or 0.0))
        for trial, left in zip(running, lefts, strict=True)
        if left is not None
    ]
    if not whole:
        return None
    typical_s = sum(whole) / len(whole)
    work_s = sum(known) + typical_s * (len(queued) + len(running) - len(known))
    slots = model.supervisor.slots if model.supervisor else 1
    return Seconds(work_s / max(1, min(slots, len(running) + len(queued))))
