"""How far a trial or a step has come, and how long it may still take."""

from collections.abc import Sequence
from heapq import heapify, heapreplace

import numpy as np

from tuitrain.model import StudyModel, TrialModel, TrialState
from tuitrain.units import Seconds

_RATE_FROM_ITERATIONS = 5
"""Iterations a trial must have made before its rate says anything."""
_LOOKS_AGAIN = 1.25
"""Growth of the iterations made after which the end is worked out anew."""
_WORTH_SAYING = 0.2
"""Share by which a new time left must differ before it is told instead of the old."""


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


def trial_left_s(trial: TrialModel) -> Seconds | None:
    """Return the time a running trial still takes at its rate so far; None: not known.

    The end, once told, stands, so that the time left only falls as time passes: it is
    worked out anew each time a quarter more iterations are made, and told anew only if
    that changes the time left by a fifth.
    """
    planned, now_s = planned_iterations(trial), trial.last_at_s
    if trial.state is not TrialState.RUNNING or planned is None or now_s is None:
        return None
    told_s = None
    for row in _moments(trial):
        end_s = _end_s(trial, row, planned)
        at_s = float(trial.times.values[row])
        if told_s is None or _differs(told_s - at_s, end_s - at_s):
            told_s = end_s
    if told_s is None:
        return None
    if told_s <= now_s:
        told_s = _end_s(trial, len(trial.times) - 1, planned)
    return Seconds(max(0.0, told_s - now_s))


def _moments(trial: TrialModel) -> list[int]:
    """Return the rows of `times` at which the end is worked out, in order."""
    iterations = trial.times.iterations
    if not len(iterations):
        return []
    first, last = int(iterations[0]), int(iterations[-1])
    rows = []
    made = float(_RATE_FROM_ITERATIONS)
    while first + made <= last:
        row = int(np.searchsorted(iterations, first + made))
        rows.append(row)
        made = max(made, float(iterations[row] - first)) * _LOOKS_AGAIN
    return rows


def _end_s(trial: TrialModel, row: int, planned: int) -> float:
    """Return when a trial ends at its rate from its first points up to a row."""
    iterations, times = trial.times.iterations, trial.times.values
    # What comes before the first points is loading and compiling, and is not repeated.
    made = max(1, int(iterations[row] - iterations[0]))
    rate_s = float(times[row] - times[0]) / made
    return float(times[row]) + max(0, planned - int(iterations[row])) * rate_s


def _differs(before_s: float, after_s: float) -> bool:
    return abs(after_s - before_s) > _WORTH_SAYING * max(before_s, after_s)


def step_left_s(model: StudyModel, trials: Sequence[TrialModel]) -> Seconds | None:
    """Return the time a step's trials still take; None: not known yet.

    Trials not begun are taken to last as long as those that ran to their end, or as a
    running one is going to; each begins where a slot is free first.
    """
    running = [t for t in trials if t.state is TrialState.RUNNING]
    queued = [t for t in trials if t.state is TrialState.QUEUED]
    if not running and not queued:
        return None
    lefts = [trial_left_s(trial) for trial in running]
    typical_s = _typical_s(trials, running, lefts)
    if typical_s is None:
        return None
    ends = [
        max(0.0, typical_s - (trial.elapsed_s or 0.0)) if left is None else left
        for trial, left in zip(running, lefts, strict=True)
    ]
    slots = max(1, model.supervisor.slots if model.supervisor else 1)
    ends += [0.0] * (slots - len(ends))
    heapify(ends)
    for _ in queued:
        heapreplace(ends, ends[0] + typical_s)
    return Seconds(max(ends))


def _typical_s(
    trials: Sequence[TrialModel],
    running: Sequence[TrialModel],
    lefts: Sequence[Seconds | None],
) -> float | None:
    """Return the mean time of the trials whose whole length is known; None: of none."""
    over = [t for t in trials if t.state.is_over and t.elapsed_s is not None]
    # A trial that broke off says little of how long the others take.
    complete = [t for t in over if t.state is TrialState.FINISHED] or over
    whole = [float(t.elapsed_s or 0.0) for t in complete]
    whole += [
        left + (trial.elapsed_s or 0.0)
        for trial, left in zip(running, lefts, strict=True)
        if left is not None
    ]
    return sum(whole) / len(whole) if whole else None
