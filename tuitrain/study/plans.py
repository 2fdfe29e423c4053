"""What a step would run if it were run now, and about how long that takes."""

from collections.abc import Sequence
from heapq import heapify, heapreplace
from statistics import median

import msgspec

from tuitrain.checklist import Settings, TrialPlan, preview
from tuitrain.events import Step, TrialLimits
from tuitrain.model import StudyModel, TrialModel, TrialState
from tuitrain.units import Seconds

_RATE_FROM_ITERATIONS = 5
"""Iterations a trial must have made before its rate says anything."""


class PlanView(msgspec.Struct, frozen=True, kw_only=True):
    """The trials of a step before it runs."""

    step: Step
    trials: tuple[TrialPlan, ...]
    """(): none, or not known before the steps before it are judged."""
    slots: int
    """Trials that run at once."""
    expected_s: Seconds | None
    """By the rate of the study's trials so far; None: nothing to go by yet."""
    is_limit: bool
    """Whether it may well take less, since its trials end once they fit."""
    is_advised: bool
    """Whether it comes from an advice that was applied, and not from the settings."""


def plan_view(model: StudyModel, settings: Settings, step: Step) -> PlanView:
    """Return what `step` would run now by these settings."""
    plans = preview(model, settings, step)
    slots = _slots(model, settings)
    return PlanView(
        step=step,
        trials=plans,
        slots=slots,
        expected_s=_expected_s(model, plans, slots),
        is_limit=any(plan.limits.stop_at_fit for plan in plans),
        is_advised=step is Step.REFINE_GRID
        and any(applied.round == model.round for applied in model.applied),
    )


def plan_iterations(model: StudyModel, plan: TrialPlan) -> int | None:
    """Return the iterations a planned trial makes at most; None: not known yet."""
    bounds = [plan.limits.iterations] if plan.limits.iterations is not None else []
    tasks = [t.task for t in model.trials.values() if t.task is not None]
    length = tasks[-1].iterations_per_epoch if tasks else None
    if plan.limits.epochs is not None and length:
        bounds.append(plan.limits.epochs * length)
    if not bounds:
        return None
    resumed = model.trials.get(plan.resumes) if plan.resumes else None
    saved = resumed.checkpoint if resumed is not None else None
    return max(0, min(bounds) - (saved.iteration if saved is not None else 0))


def _slots(model: StudyModel, settings: Settings) -> int:
    supervisor, devices = model.supervisor, settings.devices
    if supervisor is not None and supervisor.devices:
        return len(supervisor.devices) * devices.per_gpu
    if devices.slots is not None:
        return devices.slots
    return supervisor.slots if supervisor is not None else 1


def _expected_s(
    model: StudyModel, plans: Sequence[TrialPlan], slots: int
) -> Seconds | None:
    """Return the time of all trials, each begun where a slot is free first."""
    times = [_trial_s(model, plan) for plan in plans]
    known = [time_s for time_s in times if time_s is not None]
    if not known or len(known) < len(times):
        return None
    ends = [0.0] * min(slots, len(known))
    heapify(ends)
    for time_s in known:
        heapreplace(ends, ends[0] + time_s)
    return Seconds(max(ends))


def _trial_s(model: StudyModel, plan: TrialPlan) -> float | None:
    count = plan_iterations(model, plan)
    measured = [t for t in model.trials.values() if _rate_s(t) is not None]
    # Validating takes time, too: trials that do the same come first.
    alike = [t for t in measured if _kind(t.limits) == _kind(plan.limits)]
    rates = [_rate_s(t) for t in alike or measured]
    starts = [start for t in alike or measured if (start := _start_s(t)) is not None]
    known = [rate for rate in rates if rate is not None]
    if count is None or not known:
        return None
    return count * median(known) + (median(starts) if starts else 0.0)


def _kind(limits: TrialLimits) -> tuple[bool, bool]:
    return limits.update, limits.validate


def _rate_s(trial: TrialModel) -> float | None:
    """Return the time of one iteration; None: too few were made to tell."""
    times = trial.times
    if not len(times):
        return None
    made = int(times.iterations[-1] - times.iterations[0])
    if made < _RATE_FROM_ITERATIONS:
        return None
    return float(times.values[-1] - times.values[0]) / made


def _start_s(trial: TrialModel) -> float | None:
    """Return the time a trial that ended took beside its iterations; None: none did."""
    elapsed_s = trial.elapsed_s
    if trial.state is not TrialState.FINISHED or elapsed_s is None:
        return None
    return max(0.0, elapsed_s - float(trial.times.values[-1] - trial.times.values[0]))
