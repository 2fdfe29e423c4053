"""The one function by which a study changes: live and replayed alike.

Events of different streams commute: whatever the order in which journal, states and
points arrive, the same events give the same model.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, groupby, islice
from typing import Any, assert_never, cast

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from tuitrain.events import (
    AdviceApplied,
    AutoSet,
    BestAccepted,
    CheckpointSaved,
    EpochEnded,
    GpusSampled,
    LogOpened,
    PerGpuLowered,
    PointsMeasured,
    ProbeFailed,
    Record,
    SettingsChanged,
    StepEntered,
    StepStarted,
    StudyEnded,
    StudyOpened,
    SupervisorStarted,
    SupervisorStopped,
    TaskDescribed,
    TaskInspected,
    TrialEnded,
    TrialFinished,
    TrialId,
    TrialLost,
    TrialQueued,
    TrialStarted,
    TrialStopRequested,
    Values,
    VerdictOverridden,
    VerdictReached,
    to_iterations,
    to_numbers,
)
from tuitrain.model.gpu_history import extend
from tuitrain.model.series import EMPTY_SERIES, Series
from tuitrain.model.study_model import StepRun, StudyModel
from tuitrain.model.trial_model import TrialModel
from tuitrain.units import Seconds

_TrialEvent = (
    TrialQueued
    | TrialStopRequested
    | TrialLost
    | TrialStarted
    | TrialEnded
    | TaskDescribed
    | PointsMeasured
    | EpochEnded
    | CheckpointSaved
    | ProbeFailed
    | TaskInspected
    | TrialFinished
)


def fold(model: StudyModel, record: Record, blank: Series = EMPTY_SERIES) -> StudyModel:
    """Return `model` after `record`; the only way a model changes.

    Every series begins as `blank`, which decides where its points are kept.
    """
    event, at_s = record.event, record.at_s
    if isinstance(event, _TrialEvent):
        model = _with_trial(model, event, at_s, blank)
    else:
        model = _with_study_event(model, event, at_s)
        # Only the journal's: each stream has an order of its own.
        if not isinstance(event, LogOpened | GpusSampled):
            wall_s = at_s if record.wall_s is None else record.wall_s
            ahead_s = wall_s - at_s
            # Numbers beyond reason come from a damaged log only.
            known_s = ahead_s if math.isfinite(ahead_s) else 0.0
            model = replace(model, ahead_s=Seconds(known_s))
    if model.last_at_s is None or at_s > model.last_at_s:
        model = replace(model, last_at_s=at_s)
    return model


def fold_all(
    model: StudyModel, records: Iterable[Record], blank: Series = EMPTY_SERIES
) -> StudyModel:
    """Return `model` after all `records`, as `fold` one by one would.

    Points of one trial that follow each other are appended in one go, since most of a
    log is points and most of the cost is per append.
    """
    for trial, group in groupby(records, _trial_of_points):
        if trial is None:
            for record in group:
                model = fold(model, record, blank)
        else:
            while batch := list(islice(group, _BATCH)):
                model = _with_measured(model, trial, batch, blank)
    return model


_BATCH = 200
"""Records appended in one go, so that a long log is never copied as a whole."""


def _trial_of_points(record: Record) -> TrialId | None:
    event = record.event
    return event.trial if isinstance(event, PointsMeasured) else None


def _with_measured(
    model: StudyModel, trial: TrialId, records: list[Record], blank: Series
) -> StudyModel:
    measured = [(r.event, r.at_s) for r in records]
    before = model.trials.get(trial) or TrialModel(trial=trial)
    changed = _with_points(before, cast("list[_Measured]", measured), blank)
    last_s = max(record.at_s for record in records)
    if changed.last_at_s is None or last_s > changed.last_at_s:
        changed = replace(changed, last_at_s=last_s)
    trials = {**model.trials, trial: changed}
    if trial not in model.trials:
        trials = in_order(trials)
    newest_s = max(last_s, model.last_at_s if model.last_at_s is not None else last_s)
    return replace(model, trials=trials, last_at_s=newest_s)


_StudyEvent = (
    LogOpened
    | StudyOpened
    | SupervisorStarted
    | SupervisorStopped
    | SettingsChanged
    | AutoSet
    | StepEntered
    | StepStarted
    | PerGpuLowered
    | VerdictReached
    | VerdictOverridden
    | AdviceApplied
    | BestAccepted
    | StudyEnded
    | GpusSampled
)


def _with_study_event(  # noqa: C901 - a flat table of cases
    model: StudyModel, event: _StudyEvent, at_s: Seconds
) -> StudyModel:
    match event:
        case StudyOpened(name=name, script=script, settings=settings):
            return replace(
                model, name=name, script=script, settings=settings, opened_at_s=at_s
            )
        case SupervisorStarted():
            return replace(model, supervisor=event)
        case SettingsChanged(settings=settings):
            return replace(model, settings=settings)
        case AutoSet():
            return replace(model, auto=event if event.on else None)
        case StepEntered() | StepStarted() | VerdictReached() | VerdictOverridden():
            return replace(
                model, runs=_with_step_event(model.runs, event, at_s), ended=None
            )
        case PerGpuLowered():
            return replace(model, lowered=(*model.lowered, event))
        case AdviceApplied():
            return replace(model, applied=(*model.applied, event), best=None)
        case BestAccepted():
            return replace(model, best=event)
        case StudyEnded():
            return replace(model, ended=event)
        case GpusSampled():
            history = extend(model.gpu_history, event, at_s)
            return replace(model, gpus=event, gpus_at_s=at_s, gpu_history=history)
        case LogOpened() | SupervisorStopped():
            return model
        case _:
            assert_never(event)


def _with_step_event(
    runs: tuple[StepRun, ...],
    event: StepEntered | StepStarted | VerdictReached | VerdictOverridden,
    at_s: Seconds,
) -> tuple[StepRun, ...]:
    key = (event.step, event.round, event.attempt)
    if isinstance(event, StepEntered):
        known = next((r for r in runs if (r.step, r.round, r.attempt) == key), None)
        others = tuple(run for run in runs if run is not known)
        return (*others, known or _new_run(event, at_s))
    changes: dict[str, Any]
    match event:
        case StepStarted():
            # Started once more, it is to be judged anew: a dead trial is carried on.
            changes = {
                "started_at_s": at_s,
                "reached": None,
                "reached_at_s": None,
                "overridden": None,
            }
        case VerdictReached():
            changes = {"reached": event, "reached_at_s": at_s}
        case VerdictOverridden():
            changes = {"overridden": event}
        case _:
            assert_never(event)
    return tuple(
        replace(run, **changes) if (run.step, run.round, run.attempt) == key else run
        for run in runs
    )


def _new_run(event: StepEntered, at_s: Seconds) -> StepRun:
    return StepRun(
        step=event.step, round=event.round, attempt=event.attempt, entered_at_s=at_s
    )


def _with_trial(
    model: StudyModel, event: _TrialEvent, at_s: Seconds, blank: Series
) -> StudyModel:
    trial = model.trials.get(event.trial)
    is_new = trial is None
    before = trial or TrialModel(trial=event.trial)
    changed = _change_trial(before, event, at_s, blank)
    if changed.last_at_s is None or at_s > changed.last_at_s:
        changed = replace(changed, last_at_s=at_s)
    trials = {**model.trials, event.trial: changed}
    if is_new:
        trials = in_order(trials)
    return replace(model, trials=trials)


def in_order(trials: Mapping[TrialId, TrialModel]) -> dict[TrialId, TrialModel]:
    """Return trials in the order of their ids."""
    return dict(sorted(trials.items(), key=lambda item: (len(item[0]), item[0])))


def _change_trial(  # noqa: C901, PLR0912 - a flat table of cases
    trial: TrialModel, event: _TrialEvent, at_s: Seconds, blank: Series
) -> TrialModel:
    match event:
        case TrialQueued():
            return replace(
                trial,
                step=event.step,
                round=event.round,
                attempt=event.attempt,
                config=event.config,
                limits=event.limits,
                seed=event.seed,
                resumes=event.resumes,
                replaces=event.replaces,
            )
        case TrialStopRequested(reason=reason):
            return replace(trial, stop_reason=reason)
        case TrialLost(reason=reason):
            return replace(trial, lost_reason=reason)
        case TrialStarted():
            return replace(trial, started=event, started_at_s=at_s)
        case TrialEnded():
            return replace(trial, ended=event, ended_at_s=at_s)
        case TaskDescribed():
            # The journal's word comes first, whichever stream was read first.
            config = trial.config if trial.step is not None else event.config
            return replace(trial, task=event, config=config)
        case PointsMeasured():
            return _with_points(trial, [(event, at_s)], blank)
        case EpochEnded(epoch=epoch, iteration=iteration):
            return replace(
                trial,
                epoch=epoch,
                epoch_iterations=(*trial.epoch_iterations, iteration),
            )
        case CheckpointSaved():
            if event.is_best:
                return replace(trial, best_checkpoint=event)
            return replace(trial, checkpoint=event)
        case TaskInspected(found=found):
            return replace(trial, inspection=found)
        case ProbeFailed():
            return replace(trial, failed_probes=(*trial.failed_probes, event))
        case TrialFinished():
            return replace(trial, finished=event, finished_at_s=at_s)
        case _:
            assert_never(event)


_Measured = tuple[PointsMeasured, Seconds]
"""Points, and when they were written."""


def _with_points(
    trial: TrialModel, measured: Sequence[_Measured], blank: Series
) -> TrialModel:
    columns: dict[str, Values] = {}
    sources: dict[str, list[list[int]]] = {}
    for event, _ in measured:
        for name, column in event.values.items():
            if len(column) == len(event.iteration):
                sources.setdefault(name, []).append(event.iteration)
                columns.setdefault(name, []).extend(column)
    series = dict(trial.series)
    rows: dict[tuple[int, ...], NDArray[np.int64]] = {}
    for name, column in columns.items():
        # Series of the same lines share their iterations, most often all of them do.
        lines = tuple(map(id, sources[name]))
        if lines not in rows:
            rows[lines] = to_iterations(list(chain.from_iterable(sources[name])))
        before = series.get(name, blank)
        series[name] = before.append(rows[lines], to_numbers(column))
    times = _with_times(trial.times, measured, blank)
    return replace(trial, series=series, times=times)


def _with_times(times: Series, measured: Sequence[_Measured], blank: Series) -> Series:
    written = [(e.iteration[-1], at_s) for e, at_s in measured if e.iteration]
    if not written:
        return times
    # In older logs a clock may be set back; a trial's time only goes on.
    at_s = np.maximum.accumulate(
        [times.last if times.last is not None else -np.inf, *(at for _, at in written)]
    )
    last = np.array([iteration for iteration, _ in written], dtype=np.int64)
    return (times if len(times) else blank).append(last, at_s[1:])
