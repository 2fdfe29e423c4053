"""A whole study by itself, killed anywhere, and what ends it."""

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.checklist.walks import DIGITS, Run, Walk, healthy
from tuitrain.checklist import next_events, preview
from tuitrain.checklist.conduct import accept
from tuitrain.commands import GoToStep
from tuitrain.events import (
    BestAccepted,
    CheckpointSaved,
    OutcomeKind,
    Step,
    StepEntered,
    StepStarted,
    StudyEnded,
    TrialQueued,
    Verdict,
    VerdictReached,
)
from tuitrain.model import TrialModel, TrialState, fold_all


def test_a_healthy_study_walks_all_six_steps_in_order_and_accepts_the_best():
    walk = Walk().auto()
    judged = [r.event for r in walk.records if isinstance(r.event, VerdictReached)]
    assert [verdict.step for verdict in judged] == list(Step)
    assert all(verdict.verdict is Verdict.PASS for verdict in judged)
    assert walk.model.ended == StudyEnded(state="finished")
    assert walk.model.best is not None
    assert walk.model.best.trial == judged[-1].best_trial


def test_a_new_study_enters_step_1_and_waits_for_a_person():
    walk = Walk()
    walk.rest()
    assert walk.model.current is not None
    assert walk.model.current.step is Step.INITIAL_LOSS
    assert walk.model.current.started_at_s is None
    assert not walk.model.trials


def test_the_defaults_run_so_many_trials_in_each_step():
    walk = Walk().auto()
    counts = {step: len(walk.trials(step)) for step in Step}
    assert counts == {
        Step.INITIAL_LOSS: 3,
        Step.OVERFIT_SMALL: 4,
        Step.FIND_LR: 4,
        Step.COARSE_GRID: 9,
        Step.REFINE_GRID: 6,
        Step.LEARNING_CURVES: 0,
    }


_FINISHED = Walk().auto()


@settings(deadline=None)
@given(st.integers(min_value=1, max_value=len(_FINISHED.records)))
def test_a_supervisor_killed_anywhere_carries_on_to_the_same_end(count):
    again = Walk()
    again.records = _FINISHED.records[:count]
    again.model = _FINISHED.replayed(count)
    for trial in list(again.model.trials.values()):
        if trial.state is TrialState.RUNNING:
            again.train(trial)
    again.auto()
    assert again.model.ended == _FINISHED.model.ended
    assert again.model.best == _FINISHED.model.best
    assert len(again.model.trials) == len(_FINISHED.model.trials)


@settings(deadline=None)
@given(st.integers(min_value=1, max_value=len(_FINISHED.records)))
def test_what_follows_was_decided_once_it_is_folded(count):
    """Folding the answer makes the same question moot."""
    walk = Walk()
    walk.records = _FINISHED.records[:count]
    walk.model = _FINISHED.replayed(count)
    for _ in range(10):
        if not walk.decide():
            break
    assert next_events(walk.model, walk.settings) == ()
    queued = [r.event for r in walk.records if isinstance(r.event, TrialQueued)]
    assert len({event.trial for event in queued}) == len(queued)


@settings(deadline=None)
@given(st.integers(min_value=0, max_value=len(_FINISHED.records)))
def test_folding_in_two_parts_is_folding_at_once(count):
    first = _FINISHED.replayed(count)
    both = fold_all(first, _FINISHED.records[count:])
    assert both.runs == _FINISHED.model.runs
    assert both.best == _FINISHED.model.best


def test_until_stops_after_that_step_and_a_later_call_goes_on():
    walk = Walk().auto(until=Step.FIND_LR)
    assert walk.model.ended == StudyEnded(state="reached")
    assert walk.model.current is not None
    assert walk.model.current.step is Step.FIND_LR
    walk.auto()
    assert walk.model.ended == StudyEnded(state="finished")


def test_after_the_last_step_asked_for_the_plan_of_the_next_waits_for_a_person():
    walk = Walk().auto(until=Step.FIND_LR)
    walk.command(GoToStep(step=Step.COARSE_GRID))
    run = walk.model.current
    assert run is not None
    assert run.step is Step.COARSE_GRID
    assert run.started_at_s is None
    walk.auto(until=Step.COARSE_GRID)
    assert walk.model.ended == StudyEnded(state="reached")
    walk.auto(until=Step.COARSE_GRID)
    assert walk.model.ended == StudyEnded(state="reached")
    assert walk.model.auto is None


def test_a_failed_step_ends_the_study_and_the_next_call_runs_it_again():
    walk = Walk(lambda trial: replace(healthy(trial), loss=[40.0] * 5))
    walk.auto()
    assert walk.model.ended is not None
    assert walk.model.ended.state == "failed"
    walk.training = healthy
    walk.auto()
    assert walk.model.ended == StudyEnded(state="finished")
    first_steps = [r for r in walk.model.runs if r.step is Step.INITIAL_LOSS]
    assert [run.attempt for run in first_steps] == [1, 2]


def _rejected(trial: TrialModel) -> Run:
    return Run([], outcome=OutcomeKind.REJECTED, message="train.py: no function task")


def test_a_script_that_is_rejected_at_first_ends_the_study_with_its_message():
    walk = Walk(_rejected).auto()
    assert walk.model.ended == StudyEnded(
        state="rejected", message="train.py: no function task"
    )
    walk.training = healthy
    walk.auto()
    assert walk.model.ended == StudyEnded(state="finished")


def test_a_script_broken_while_the_study_runs_is_a_failed_step_not_a_rejection():
    walk = Walk().auto(until=Step.FIND_LR)
    walk.training = _rejected
    walk.auto()
    assert walk.model.ended is not None
    assert walk.model.ended.state == "failed"
    verdict = walk.verdict(Step.COARSE_GRID)
    assert [finding.kind for finding in verdict.findings] == ["trial_failed"]
    assert "no function task" in verdict.summary


def _raises(trial: TrialModel) -> Run:
    message = "RuntimeError: boom"
    return Run([2.3] * 3, outcome=OutcomeKind.RAISED, message=message)


@pytest.mark.parametrize("step", list(Step)[:5])
def test_a_step_whose_trials_all_raise_fails_with_the_exception(step):
    before = list(Step)[step.number - 2] if step.number > 1 else None
    walk = Walk()
    if before is not None:
        walk.auto(until=before)
    walk.training = _raises
    walk.auto()
    verdict = walk.verdict(step)
    assert verdict.verdict is Verdict.FAIL
    assert verdict.findings[0].kind == "trial_failed"
    assert "RuntimeError: boom" in verdict.findings[0].summary


def test_one_trial_that_raises_is_a_warning_and_the_study_goes_on():
    def training(trial: TrialModel) -> Run:
        if trial.step is Step.COARSE_GRID and trial.config["weight_decay"] == 1e-5:
            return _raises(trial)
        return healthy(trial)

    walk = Walk(training).auto()
    verdict = walk.verdict(Step.COARSE_GRID)
    assert verdict.verdict is Verdict.WARN
    assert [finding.kind for finding in verdict.findings] == ["trial_failed"]
    assert walk.model.ended == StudyEnded(state="finished")


def test_an_unknown_loss_is_not_guessed_and_the_study_goes_on():
    facts = msgspec.structs.replace(DIGITS, kind=None, name="MyLoss")

    def training(trial: TrialModel) -> Run:
        return replace(healthy(trial), facts=facts)

    walk = Walk(training).auto()
    assert walk.verdict(Step.INITIAL_LOSS).verdict is Verdict.UNKNOWN
    assert "MyLoss" in walk.verdict(Step.INITIAL_LOSS).summary
    assert walk.model.ended == StudyEnded(state="finished")


def test_the_preview_is_what_then_runs():
    walk = Walk()
    for step in list(Step)[:5]:
        walk.rest()
        planned = preview(walk.model, walk.settings, step)
        walk.auto(until=step)
        trials = walk.trials(step)[: len(planned)]
        assert [plan.config for plan in planned] == [t.config for t in trials]
        assert [plan.limits for plan in planned] == [t.limits for t in trials]


def test_a_step_out_of_reach_has_no_preview_yet():
    walk = Walk()
    walk.rest()
    assert preview(walk.model, walk.settings, Step.COARSE_GRID) == ()
    assert preview(walk.model, walk.settings, Step.REFINE_GRID) == ()


def test_a_crash_between_two_events_of_one_decision_loses_neither():
    walk = Walk()
    walk.rest()
    events = next_events(walk.model, walk.settings)
    assert events == ()
    walk.auto()
    accepted = next(
        i for i, r in enumerate(walk.records) if isinstance(r.event, BestAccepted)
    )
    torn = walk.replayed(accepted + 1)
    assert next_events(torn, walk.settings) == (StudyEnded(state="finished"),)


def test_an_advice_applied_without_its_step_entered_is_made_good():
    walk = Walk(rounds=2)
    walk.training = _slow
    walk.auto()
    entered = [
        i
        for i, r in enumerate(walk.records)
        if isinstance(r.event, StepEntered) and r.event.round == 2
    ]
    torn = walk.replayed(entered[0])
    assert next_events(torn, walk.settings) == (walk.records[entered[0]].event,)


def _slow(trial: TrialModel) -> Run:
    """A training that is still getting better at the end of step 5."""
    run = healthy(trial)
    if trial.step is not Step.REFINE_GRID:
        return run
    epochs = trial.limits.epochs or 15
    lr = float(trial.config["lr"])
    losses = [1.5 * 0.95**e + abs(lr - 0.01) for e in range(epochs)]
    return replace(run, validation=[(loss, 1 - loss / 60) for loss in losses])


def test_a_second_round_prolongs_the_best_and_carries_on_from_its_checkpoint():
    walk = Walk(_slow, rounds=2).auto()
    applied = walk.model.applied[0]
    assert applied.advice.change == {"epochs": 30}
    second = [t for t in walk.model.trials.values() if t.round == 2]
    assert [(t.limits.epochs, t.resumes) for t in second] == [(30, applied.base)]
    assert walk.model.best is not None
    assert walk.model.best.trial == second[0].trial


def test_a_worse_second_round_leaves_the_best_of_the_first():
    def training(trial: TrialModel) -> Run:
        run = _slow(trial)
        if trial.round == 2:
            return replace(run, validation=[(2.0, 0.2)] * len(run.validation))
        return run

    walk = Walk(training, rounds=2).auto()
    assert walk.model.best is not None
    assert walk.model.trials[walk.model.best.trial].round == 1


def test_steps_start_only_when_asked_and_each_start_is_on_record():
    walk = Walk().auto()
    started = [r.event.step for r in walk.records if isinstance(r.event, StepStarted)]
    assert started == list(Step)


def test_the_accepted_checkpoint_holds_the_weights_of_the_accepted_metrics():
    walk = Walk()
    walk.auto(Step.REFINE_GRID)
    trial = walk.trials(Step.REFINE_GRID)[0]
    first = trial.get("val_accuracy").best(highest=True)
    assert first is not None
    walk.take(
        CheckpointSaved(
            trial=trial.trial, iteration=first[0], epoch=1, path="best.pt", is_best=True
        )
    )
    accepted = accept(walk.model, walk.settings, walk.model.trials[trial.trial])
    assert accepted.checkpoint == f"trials/{trial.trial}/best.pt"
