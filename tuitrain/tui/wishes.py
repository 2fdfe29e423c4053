"""What a key asks for, given the study as it is: a command, or why not."""

from collections.abc import Sequence
from typing import Final

import msgspec

from tuitrain.checklist import (
    RefusedError,
    Settings,
    SettingsError,
    answer,
    why_not_carried_on,
)
from tuitrain.commands import (
    AcceptBest,
    ApplyAdvice,
    Command,
    GoToStep,
    RerunStep,
    ResumeTrial,
    RunStep,
    SetAuto,
    StopTrial,
)
from tuitrain.events import Step, TrialId, Verdict
from tuitrain.study import StepState, Study, TrialView


class Hint(msgspec.Struct, frozen=True):
    """Why a key does nothing now, and what can be done instead."""

    text: str


Wish = Command | Hint

NOT_BEGUN = Hint("the study has not begun yet; a moment")
_MOST_ADVICE: Final = 9
"""There are no more digits to press."""
RUNNING = Hint("this step runs; s stops a trial, A lets the next step follow by itself")


def go_on(study: Study) -> Wish:
    """Run the step that is ready, or go on from the one that is judged."""
    current = study.current
    if current is None:
        return NOT_BEGUN
    if study.model.best is not None and study.state == "finished":
        return Hint("the best configuration is accepted (best.json); q leaves")
    if current.state is StepState.READY:
        return RunStep()
    if current.state is not StepState.JUDGED:
        return RUNNING
    if current.step is Step.LEARNING_CURVES:
        return Hint(f"{_how_to_end(study)}a accepts the best configuration")
    if current.verdict is Verdict.FAIL:
        return Hint(
            "this step failed: change the script, then r runs it again; o overrules"
        )
    return GoToStep(step=list(Step)[current.step.number])


def move_step(study: Study, direction: int) -> Wish:
    """Go to the step after (+1) or before (-1) the current one."""
    current = study.current
    if current is None:
        return NOT_BEGUN
    index = current.step.number - 1 + direction
    if not 0 <= index < len(Step):
        return Hint(
            "this is the first step" if direction < 0 else "this is the last step"
        )
    return GoToStep(step=list(Step)[index])


def rerun(study: Study) -> Wish:
    """Run the current step once more."""
    current = study.current
    if current is None:
        return NOT_BEGUN
    return RUNNING if current.state is StepState.RUNNING else RerunStep()


def apply_advice(study: Study, number: int) -> Wish:
    """Take advice `number`, counted from 1 as on the screen."""
    current = study.current
    if current is None or current.state is not StepState.JUDGED:
        return Hint("advice comes with the verdict of a step")
    if not 1 <= number <= len(current.advice):
        count = len(current.advice)
        return Hint(
            f"there is no advice {number}" + (f", only 1 … {count}" * (count > 0))
        )
    if current.advice[number - 1].change is None:
        return Hint("this advice is for the script or the data: only you can follow it")
    return ApplyAdvice(index=number - 1)


def applicable(study: Study) -> tuple[int, ...]:
    """Return the advice that its key puts into a plan, counted from 1 as on the screen."""
    current = study.current
    if current is None or current.state is not StepState.JUDGED:
        return ()
    return tuple(
        number
        for number, advice in enumerate(current.advice[:_MOST_ADVICE], 1)
        if advice.change is not None and _is_answered(study, number)
    )


def _is_answered(study: Study, number: int) -> bool:
    """Whether the supervisor would do it: a step may try that value already."""
    settings = study.settings or Settings(script=study.model.script or "?")
    try:
        answer(study.model, settings, ApplyAdvice(index=number - 1))
    except (RefusedError, SettingsError):
        return False
    return True


def accept(study: Study, trial: TrialId | None) -> Wish:
    """Accept `trial`, or the best configuration."""
    current = study.current
    if current is None or current.step is not Step.LEARNING_CURVES:
        return Hint("a configuration is accepted in step 6")
    if current.state is not StepState.JUDGED:
        return Hint("the learning curves are not judged yet; enter does that")
    return AcceptBest(trial=trial)


def toggle_auto(study: Study) -> Wish:
    """Let step follow step, or stop that."""
    return SetAuto(on=study.model.auto is None)


def stop_trial(trial: TrialView | None) -> Wish:
    """Stop one trial."""
    if trial is None:
        return Hint("there is no trial to stop")
    if trial.state.is_over:
        return Hint(f"trial {trial.trial} is over")
    return StopTrial(trial=trial.trial)


def resume_trial(study: Study, trial: TrialView | None) -> Wish:
    """Carry on a trial that died or was stopped."""
    if trial is None:
        return Hint("there is no trial to carry on")
    reason = why_not_carried_on(study.model, study.model.trials[trial.trial])
    return ResumeTrial(trial=trial.trial) if reason is None else Hint(reason)


def has_running(study: Study | None) -> bool:
    """Whether trials run or wait for a slot."""
    trials: Sequence[TrialView] = study.trials if study is not None else ()
    return any(not trial.state.is_over for trial in trials)


def name_of_next(study: Study | None) -> str:
    """Return in a word or two what enter does now, for the footer; empty: nothing."""
    wish = go_on(study) if study is not None else NOT_BEGUN
    match wish:
        case RunStep():
            return "run"
        case GoToStep(step=step):
            return f"on to {step.number} {step.label}"
        case _:
            return ""


def _how_to_end(study: Study) -> str:
    numbers = applicable(study)
    if not numbers:
        return ""
    return (
        f"{numbers[0]} … {numbers[-1]} applies an advice, "
        if len(numbers) > 1
        else f"{numbers[0]} applies the advice, "
    )
