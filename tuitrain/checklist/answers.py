"""What a person's commands do to a study."""

from typing import assert_never

from msgspec.structs import replace

from tuitrain.checklist.advised import plan_advice
from tuitrain.checklist.carrying_on import (
    STUDY_STOPPED,
    replace_trials,
    was_stopped_with_study,
    why_not_carried_on,
)
from tuitrain.checklist.changes import change_settings
from tuitrain.checklist.coarse_grid import settled_lr
from tuitrain.checklist.conduct import accept, enter, go, next_events, start
from tuitrain.checklist.refusal import RefusedError
from tuitrain.checklist.settings import Settings
from tuitrain.checklist.transitions import (
    TRANSITIONS,
    Outcome,
    may_go_to,
    verdict_in_force,
)
from tuitrain.commands import (
    AcceptBest,
    ApplyAdvice,
    ChangeSettings,
    Command,
    GoToStep,
    OverrideVerdict,
    RerunStep,
    ResumeTrial,
    RunStep,
    SetAuto,
    StopStudy,
    StopTrial,
)
from tuitrain.events import (
    AdviceApplied,
    AutoSet,
    Event,
    Step,
    StepEntered,
    StudyEnded,
    TrialId,
    TrialQueued,
    TrialStopRequested,
    Verdict,
    VerdictOverridden,
    VerdictReached,
)
from tuitrain.model import StepRun, StudyModel, TrialModel


def answer(  # noqa: C901 - a flat table of cases
    model: StudyModel, settings: Settings, command: Command
) -> tuple[Event, ...]:
    """Return what a command does to the journal.

    Raises:
        RefusedError: It can't be carried out as things stand.
        SettingsError: It asks for settings that can't be used.
    """
    match command:
        case RunStep():
            return _run_step(model)
        case GoToStep(step=step):
            return _go_to(model, step)
        case RerunStep():
            return _rerun(model)
        case OverrideVerdict():
            return _override(model, command)
        case ApplyAdvice(index=index):
            return _apply_advice(model, settings, index)
        case AcceptBest(trial=trial):
            return _accept(model, settings, trial)
        case ChangeSettings(settings=changes):
            return (change_settings(model, settings, changes),)
        case StopTrial(trial=trial):
            return _stop_trial(model, trial)
        case ResumeTrial(trial=trial):
            return _resume_trial(model, trial)
        case StopStudy():
            return _stop_study(model)
        case SetAuto():
            return _set_auto(model, settings, command)
        case _:
            assert_never(command)


def _run_step(model: StudyModel) -> tuple[Event, ...]:
    run = model.current
    if run is None:
        entered = enter(model, Step.INITIAL_LOSS, 1)
        return (entered, start(entered))
    name = f"step {run.step.number} ({run.step.label})"
    if verdict_in_force(run) is not None:
        raise RefusedError(f"{name} is judged already: go on, or run it again")
    if run.started_at_s is None:
        return (start(run),)
    if model.ended is None:
        raise RefusedError(f"{name} is running already")
    unfinished = _find_unfinished(model, run)
    if unfinished:
        return (start(run), *replace_trials(model, unfinished))
    return _rerun(model)


def _find_unfinished(model: StudyModel, run: StepRun) -> list[TrialModel]:
    """Return the trials that go on when a study does that was stopped within a step."""
    return [
        trial
        for trial in model.trials_of(run)
        if was_stopped_with_study(trial) and why_not_carried_on(model, trial) is None
    ]


def _rerun(model: StudyModel) -> tuple[Event, ...]:
    run = model.current
    if run is None:
        raise RefusedError("no step was run yet: run the first one")
    _refuse_while_running(model, run)
    if run.started_at_s is None:
        return (start(run),)
    entered = enter(model, run.step, run.round)
    return (entered, start(entered))


def _go_to(model: StudyModel, step: Step) -> tuple[Event, ...]:
    run = model.current
    if run is not None:
        _refuse_while_running(model, run)
        if run.step is step:
            raise RefusedError(f"the study is at step {step.number} already")
    if not may_go_to(model, step):
        raise RefusedError(
            f"step {step.number} ({step.label}) can't follow yet: each step before it "
            "must have passed, or its verdict be overruled"
        )
    return (go(model, step),)


def _override(model: StudyModel, command: OverrideVerdict) -> tuple[Event, ...]:
    run = model.current
    if run is None or run.reached is None:
        raise RefusedError("there is no verdict to overrule yet")
    if not command.note.strip():
        raise RefusedError("say why: an overruled verdict needs a note")
    if command.verdict is Verdict.UNKNOWN:
        raise RefusedError("overrule with pass, warn or fail")
    return (
        VerdictOverridden(
            step=run.step,
            round=run.round,
            attempt=run.attempt,
            verdict=command.verdict,
            note=command.note.strip(),
        ),
    )


def _apply_advice(
    model: StudyModel, settings: Settings, index: int
) -> tuple[Event, ...]:
    """Let the next round, in step 6, or the next run of the step try an advice."""
    run = model.current
    if run is None or run.reached is None:
        raise RefusedError("advice comes with the verdict of a step")
    reached = run.reached
    if not 0 <= index < len(reached.advice):
        raise RefusedError(f"there is no advice {index + 1}")
    advice = reached.advice[index]
    if advice.change is None:
        raise RefusedError("this advice is for you to carry out: it changes no number")
    if run.step is not Step.LEARNING_CURVES:
        changes = plan_advice(
            settings, run.step, advice.change, settled_lr(model, settings)
        )
        if changes is None:
            raise RefusedError(
                f"step {run.step.number} ({run.step.label}) tries that already, or has "
                "no place for it"
            )
        changed = change_settings(model, settings, changes)
        return (changed, enter(model, run.step, run.round))
    following = TRANSITIONS[Step.LEARNING_CURVES, Outcome.ADVICE_APPLIED]
    if reached.best_trial is None or following is None:
        raise RefusedError("there is no trial to change")
    study_round = model.round + 1
    return (
        AdviceApplied(round=study_round, base=reached.best_trial, advice=advice),
        StepEntered(step=following, round=study_round, attempt=1),
    )


def _accept(
    model: StudyModel, settings: Settings, wanted: TrialId | None
) -> tuple[Event, ...]:
    if wanted is None:
        wanted = _curves_verdict(model).best_trial
    elif model.current is not None:
        _refuse_while_running(model, model.current)
    trial = model.trials.get(wanted) if wanted is not None else None
    if trial is None:
        raise RefusedError("there is no such trial to accept")
    if not trial.state.is_over:
        raise RefusedError(f"trial {trial.trial} is not over yet")
    return (accept(model, settings, trial), StudyEnded(state="finished"))


def _curves_verdict(model: StudyModel) -> VerdictReached:
    run = model.current
    if run is None or run.step is not Step.LEARNING_CURVES or run.reached is None:
        raise RefusedError("that is for step 6 (learning curves), once it is judged")
    return run.reached


def _stop_trial(model: StudyModel, wanted: TrialId) -> tuple[Event, ...]:
    trial = model.trials.get(wanted)
    if trial is None:
        raise RefusedError(f"there is no trial {wanted}")
    if trial.state.is_over:
        raise RefusedError(f"trial {wanted} is over already")
    return (_stop(trial, "stopped by a person"),)


def _resume_trial(model: StudyModel, wanted: TrialId) -> tuple[Event, ...]:
    """Let another trial take the place of a dead one, and the step be judged anew."""
    trial, run = model.trials.get(wanted), model.current
    if trial is None or run is None:
        raise RefusedError(f"there is no trial {wanted}")
    reason = why_not_carried_on(model, trial)
    if reason is not None:
        raise RefusedError(reason)
    is_open = verdict_in_force(run) is None and model.ended is None
    taken = replace_trials(model, [trial])
    return taken if is_open else (start(run), *taken)


def _stop_study(model: StudyModel) -> tuple[Event, ...]:
    stops = [
        _stop(trial, STUDY_STOPPED)
        for trial in model.trials.values()
        if not trial.state.is_over and trial.stop_reason is None
    ]
    if model.ended is not None and not stops:
        # It came to its end before: that stays its last word.
        return ()
    return (*stops, StudyEnded(state="stopped"))


def _stop(trial: TrialModel, reason: str) -> TrialStopRequested:
    return TrialStopRequested(trial=trial.trial, reason=reason)


def _set_auto(
    model: StudyModel, settings: Settings, command: SetAuto
) -> tuple[Event, ...]:
    """Turn `--auto` on or off; on, an idle or ended study goes on at once."""
    auto = AutoSet(on=command.on, until=command.until)
    if not command.on or model.ended is None or model.ended.state == "finished":
        return (auto,)
    going = replace(model, ended=None, auto=auto)
    following = next_events(going, settings)
    if not following or isinstance(following[0], StudyEnded):
        # It ended within a step: stopped, rejected or failed. That step once more.
        return (auto, *_rerun(model))
    run = model.current
    if run is not None and isinstance(following[0], TrialQueued):
        # The step was under way when the study was stopped.
        return (auto, start(run), *following)
    return (auto, *following)


def _refuse_while_running(model: StudyModel, run: StepRun) -> None:
    is_running = run.started_at_s is not None and verdict_in_force(run) is None
    if is_running and model.ended is None:
        raise RefusedError(
            f"step {run.step.number} ({run.step.label}) is running: stop its trials first"
        )
