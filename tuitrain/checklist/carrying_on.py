"""Trials that died: which may be carried on, and the trials that take their place.

A trial is never started twice: its log ends with its process. Another trial takes its
place in the plan, from its newest checkpoint where there is one.
"""

from collections.abc import Sequence
from typing import Final

from tuitrain.checklist.plan import TrialPlan, number_trials
from tuitrain.checklist.settings import Settings, settings_to
from tuitrain.events import (
    Event,
    PerGpuLowered,
    SettingsChanged,
    TrialId,
    TrialQueued,
)
from tuitrain.model import (
    StepRun,
    StudyModel,
    TrialModel,
    TrialState,
    lineage,
    sharing,
    successor,
)

MAX_DEATHS: Final = 1
"""Deaths of one trial of a plan that `--auto` makes good by itself; the next one is for
a person to look at."""
STUDY_STOPPED: Final = "the study was stopped"
"""Why trials were stopped that go on when the study does."""


def has_died(trial: TrialModel) -> bool:
    """Whether its process is gone without a last word, and nobody asked for that."""
    return trial.state is TrialState.LOST or (
        trial.state is TrialState.FAILED and trial.finished is None
    )


def has_no_memory(trial: TrialModel) -> bool:
    """Whether a GPU's memory did not suffice for it."""
    finished = trial.finished
    return finished is not None and finished.out_of_memory is not None


def was_stopped_with_study(trial: TrialModel) -> bool:
    """Whether it goes on when the study does; a short training is run anew instead."""
    return (
        trial.state is TrialState.STOPPED
        and trial.stop_reason == STUDY_STOPPED
        and trial.limits.epochs is not None
    )


def why_not_carried_on(model: StudyModel, trial: TrialModel) -> str | None:
    """Return why a person can't have this trial carried on; None: he can."""
    run = model.current
    name = f"trial {trial.trial}"
    if not trial.state.is_over:
        return f"{name} is not over: there is nothing to carry on"
    if trial.state is TrialState.FINISHED:
        return f"{name} came to its end: there is nothing to carry on"
    taken = successor(model, trial.trial)
    if taken is not None:
        return f"{name} was carried on already, as {taken.trial}"
    if run is None or trial not in model.trials_of(run):
        where = "another study" if trial.step is None else f"step {trial.step.number}"
        return f"{name} is of {where}, or of a run before this one: go there first"
    return None


def replace_trials(
    model: StudyModel, trials: Sequence[TrialModel]
) -> tuple[Event, ...]:
    """Return the trials that take the place of some that are over."""
    return tuple(
        TrialQueued(
            trial=name,
            step=trial.step,
            round=trial.round,
            attempt=trial.attempt,
            config=trial.config,
            limits=trial.limits,
            seed=trial.seed,
            resumes=find_checkpoint_owner(model, trial),
            replaces=trial.trial,
        )
        for name, trial in zip(number_trials(model), trials, strict=False)
        if trial.step is not None
    )


def find_checkpoint_owner(model: StudyModel, trial: TrialModel) -> TrialId | None:
    """Return whose checkpoint `trial` would go on from: its own, or the one it began at.

    None: it has to start anew, as do the short trainings that are not counted in epochs:
    they are judged by all their points, from the first on.
    """
    if trial.limits.epochs is None:
        return None
    owners = (t.trial for t in reversed(lineage(model, trial.trial)) if t.checkpoint)
    return next(owners, None)


def make_good(
    model: StudyModel, settings: Settings, run: StepRun, plans: Sequence[TrialPlan]
) -> tuple[Event, ...]:
    """Return what follows by itself from trials of `run` that ended before their time.

    Trials that shared a GPU and ran out of its memory are tried again with fewer on each.
    While step follows step by itself, those that died are carried on, once, and those
    that were stopped with the study go on with it; all if they are in `plans` still.
    """
    over = [
        trial
        for trial in model.trials_of(run)
        if trial.state.is_over
        and successor(model, trial.trial) is None
        and any(plan.is_for(trial) for plan in plans)
    ]
    crowded = [t for t in over if has_no_memory(t) and len(sharing(model, t)) > 1]
    again = list(crowded)
    if model.auto is not None:
        again += [t for t in over if _goes_on(model, t)]
    again.sort(key=lambda trial: trial.trial)
    return (*_lower(model, settings, crowded), *replace_trials(model, again))


def _goes_on(model: StudyModel, trial: TrialModel) -> bool:
    if was_stopped_with_study(trial):
        return True
    return has_died(trial) and _count_deaths(model, trial) <= MAX_DEATHS


def _count_deaths(model: StudyModel, trial: TrialModel) -> int:
    """Return how often this trial of the plan died, the last time included."""
    deaths, at = 0, model.trials.get(trial.trial)
    while at is not None:
        deaths += has_died(at)
        at = model.trials.get(at.replaces) if at.replaces is not None else None
    return deaths


def _lower(
    model: StudyModel, settings: Settings, crowded: list[TrialModel]
) -> tuple[Event, ...]:
    """Return the settings by which fewer trials share a GPU, and why."""
    if not crowded:
        return ()
    trial = min(crowded, key=lambda each: len(sharing(model, each)))
    together = len(sharing(model, trial))
    per_gpu = max(1, together - 1)
    if per_gpu >= settings.devices.per_gpu or trial.started is None:
        return ()
    lowered = PerGpuLowered(
        trial=trial.trial,
        device=trial.started.device,
        sharing=together,
        per_gpu=per_gpu,
    )
    plain = settings_to(settings)
    devices = {**plain["devices"], "per_gpu": per_gpu}
    return (SettingsChanged(settings={**plain, "devices": devices}), lowered)
