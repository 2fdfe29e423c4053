"""What a person's commands do, and what is refused."""

from dataclasses import replace

import pytest

from tests.unit.checklist.walks import Run, Walk, healthy
from tuitrain.checklist import RefusedError, answer
from tuitrain.commands import (
    AcceptBest,
    ApplyAdvice,
    GoToStep,
    OverrideVerdict,
    RerunStep,
    RunStep,
    SetAuto,
    StopStudy,
    StopTrial,
)
from tuitrain.events import (
    AdviceApplied,
    AutoSet,
    BestAccepted,
    SettingsChanged,
    Step,
    StepEntered,
    StepStarted,
    StudyEnded,
    TrialId,
    TrialStopRequested,
    Verdict,
)
from tuitrain.model import TrialModel, TrialState


def _by_hand(until: Step) -> Walk:
    walk = Walk().auto(until=until)
    walk.command(SetAuto(on=False))
    return walk


def test_run_starts_the_step_the_study_is_at():
    walk = Walk()
    walk.rest()
    events = walk.command(RunStep())
    assert events == (StepStarted(step=Step.INITIAL_LOSS, round=1, attempt=1),)
    walk.rest()
    assert walk.verdict(Step.INITIAL_LOSS).verdict is Verdict.PASS


def test_run_on_a_study_without_a_step_enters_the_first():
    entered, started = Walk().command(RunStep())
    assert isinstance(entered, StepEntered)
    assert isinstance(started, StepStarted)


def test_a_step_by_hand_waits_after_its_judgement():
    walk = _by_hand(Step.OVERFIT_SMALL)
    walk.command(GoToStep(step=Step.FIND_LR))
    walk.command(RunStep())
    walk.rest()
    assert walk.model.current is not None
    assert walk.model.current.step is Step.FIND_LR
    assert walk.model.ended is None


def test_run_is_refused_while_running_and_once_judged():
    walk = Walk()
    walk.command(RunStep())
    walk.decide()
    with pytest.raises(RefusedError, match="running already"):
        walk.command(RunStep())
    with pytest.raises(RefusedError, match="is running"):
        walk.command(RerunStep())
    with pytest.raises(RefusedError, match="is running"):
        walk.command(GoToStep(step=Step.INITIAL_LOSS))
    walk.rest()
    with pytest.raises(RefusedError, match="judged already"):
        walk.command(RunStep())


def test_a_rerun_has_new_trials_of_its_own():
    walk = _by_hand(Step.INITIAL_LOSS)
    walk.command(RerunStep())
    walk.rest()
    assert len(walk.model.trials) == 6
    assert {trial.attempt for trial in walk.trials(Step.INITIAL_LOSS)} == {2}


def test_an_override_needs_a_verdict_and_a_note():
    walk = Walk()
    walk.rest()
    command = OverrideVerdict(verdict=Verdict.PASS, note="pretrained")
    with pytest.raises(RefusedError, match="no verdict"):
        walk.command(command)
    walk = _by_hand(Step.INITIAL_LOSS)
    with pytest.raises(RefusedError, match="needs a note"):
        walk.command(OverrideVerdict(verdict=Verdict.PASS, note="  "))
    with pytest.raises(RefusedError, match="pass, warn or fail"):
        walk.command(OverrideVerdict(verdict=Verdict.UNKNOWN, note="?"))


def test_a_failure_overruled_lets_the_study_go_on():
    walk = Walk(lambda trial: replace(healthy(trial), loss=[40.0] * 5))
    walk.auto()
    assert walk.model.ended is not None
    walk.training = healthy
    walk.command(OverrideVerdict(verdict=Verdict.PASS, note="meant so"))
    walk.rest()
    assert walk.model.ended == StudyEnded(state="finished")


def test_an_applied_advice_is_the_plan_of_the_next_round():
    walk = _with_advice()
    events = walk.command(ApplyAdvice(index=_index_of_change(walk)))
    assert isinstance(events[0], AdviceApplied)
    assert events[1] == StepEntered(step=Step.REFINE_GRID, round=2, attempt=1)
    walk.command(RunStep())
    walk.rest()
    assert {trial.round for trial in walk.trials(Step.REFINE_GRID)} == {2}


def test_advice_without_numbers_or_out_of_range_is_refused():
    walk = _with_advice()
    advice = walk.verdict(Step.LEARNING_CURVES).advice
    for_people = next(i for i, a in enumerate(advice) if a.change is None)
    with pytest.raises(RefusedError, match="for you to carry out"):
        walk.command(ApplyAdvice(index=for_people))
    with pytest.raises(RefusedError, match="no advice"):
        walk.command(ApplyAdvice(index=len(advice)))
    with pytest.raises(RefusedError, match="with the verdict"):
        Walk().command(ApplyAdvice(index=0))


def test_an_advice_of_an_earlier_step_is_the_plan_of_its_next_run():
    def too_slow(trial: TrialModel) -> Run:
        flat = trial.limits.update
        return Run([2.3] * 500, [0.1] * 500) if flat else healthy(trial)

    walk = Walk(too_slow).auto(until=Step.OVERFIT_SMALL)
    walk.command(SetAuto(on=False))
    assert walk.verdict(Step.OVERFIT_SMALL).verdict is Verdict.FAIL
    advice = walk.verdict(Step.OVERFIT_SMALL).advice
    index = next(i for i, a in enumerate(advice) if a.change is not None)
    wanted = (advice[index].change or {})["lr"]
    changed, entered = walk.command(ApplyAdvice(index=index))
    assert isinstance(changed, SettingsChanged)
    assert wanted in changed.settings["overfit_small"]["lrs"]
    assert entered == StepEntered(step=Step.OVERFIT_SMALL, round=1, attempt=2)
    with pytest.raises(RefusedError, match="with the verdict"):
        walk.command(ApplyAdvice(index=index))


def _index_of_change(walk: Walk) -> int:
    advice = walk.verdict(Step.LEARNING_CURVES).advice
    return next(i for i, a in enumerate(advice) if a.change is not None)


def _with_advice() -> Walk:
    """A study by hand at step 6 whose best trial overfits."""

    def training(trial: TrialModel) -> Run:
        run = healthy(trial)
        if trial.step is not Step.REFINE_GRID:
            return run
        epochs = range(trial.limits.epochs or 15)
        return replace(
            run, validation=[(0.2 + 0.1 * e, 0.95 - 0.02 * e) for e in epochs]
        )

    walk = Walk(training).auto(until=Step.LEARNING_CURVES)
    walk.command(SetAuto(on=False))
    assert "overfitting" in walk.verdict(Step.LEARNING_CURVES).summary
    return walk


def test_accept_takes_the_best_or_the_one_named():
    walk = _by_hand(Step.LEARNING_CURVES)
    best = walk.verdict(Step.LEARNING_CURVES).best_trial
    accepted, ended = answer(walk.model, walk.settings, AcceptBest())
    assert isinstance(accepted, BestAccepted)
    assert (accepted.trial, ended) == (best, StudyEnded(state="finished"))
    assert accepted.checkpoint == f"trials/{best}/checkpoint.pt"
    other = next(t.trial for t in walk.trials(Step.REFINE_GRID) if t.trial != best)
    accepted, _ = walk.command(AcceptBest(trial=other))
    assert isinstance(accepted, BestAccepted)
    assert accepted.trial == other


def test_accept_is_refused_without_a_trial_to_accept():
    with pytest.raises(RefusedError, match="step 6"):
        _by_hand(Step.FIND_LR).command(AcceptBest())
    with pytest.raises(RefusedError, match="no such trial"):
        _by_hand(Step.LEARNING_CURVES).command(AcceptBest(trial=TrialId("9999")))


def test_what_is_accepted_tells_the_other_measurements_at_that_point():
    walk = Walk().auto()
    best = walk.model.best
    assert best is not None
    assert set(best.metrics) == {"val_accuracy", "val_loss", "loss", "accuracy"}
    trial = walk.model.trials[best.trial]
    at, value = trial.get("val_accuracy").best(highest=True) or (0, 0.0)
    assert best.metrics["val_accuracy"] == value
    assert best.metrics["loss"] == trial.get("loss").until(at).last


def test_a_stopped_trial_is_judged_without_it():
    walk = Walk().auto(until=Step.FIND_LR)
    walk.training = _stopped_at_weight_decay_0
    walk.auto(until=Step.COARSE_GRID)
    verdict = walk.verdict(Step.COARSE_GRID)
    assert verdict.verdict is Verdict.PASS
    assert verdict.evidence["trials"] == 6


def _stopped_at_weight_decay_0(trial: TrialModel) -> Run:
    from tuitrain.events import OutcomeKind

    run = healthy(trial)
    if trial.config["weight_decay"] == 0:
        return replace(run, outcome=OutcomeKind.STOPPED)
    return run


def test_stop_trial_asks_for_a_living_one_only():
    walk = Walk()
    walk.command(RunStep())
    walk.decide()
    (event,) = walk.command(StopTrial(trial=TrialId("0001")))
    assert isinstance(event, TrialStopRequested)
    with pytest.raises(RefusedError, match="no trial"):
        walk.command(StopTrial(trial=TrialId("0077")))
    walk = _by_hand(Step.INITIAL_LOSS)
    with pytest.raises(RefusedError, match="over already"):
        walk.command(StopTrial(trial=TrialId("0001")))


def test_stop_study_stops_what_lives_and_a_later_run_repeats_the_step():
    walk = Walk()
    walk.command(RunStep())
    walk.decide()
    walk.train(walk.model.trials[TrialId("0001")])
    events = walk.command(StopStudy())
    stopped = [e.trial for e in events if isinstance(e, TrialStopRequested)]
    assert stopped == ["0002", "0003"]
    assert events[-1] == StudyEnded(state="stopped")
    assert not walk.decide()
    _end(walk)
    walk.command(RunStep())
    walk.rest()
    assert walk.model.current is not None
    assert walk.model.current.attempt == 2
    assert walk.verdict(Step.INITIAL_LOSS).verdict is Verdict.PASS


def _end(walk: Walk) -> None:
    from tuitrain.events import TrialEnded

    for trial in walk.model.trials.values():
        if trial.state is TrialState.QUEUED:
            walk.take(TrialEnded(trial=trial.trial))


def test_auto_off_lets_the_running_step_end_and_waits():
    walk = Walk()
    walk.command(SetAuto(on=True))
    for _ in range(3):
        walk.decide()
    walk.command(SetAuto(on=False))
    walk.rest()
    assert walk.model.current is not None
    assert walk.model.current.step is Step.INITIAL_LOSS
    assert walk.model.current.reached is not None


def test_auto_on_a_finished_study_changes_nothing():
    walk = Walk().auto()
    assert walk.command(SetAuto(on=True)) == (AutoSet(on=True),)
    assert not walk.decide()
    assert walk.model.ended == StudyEnded(state="finished")


def test_stopping_an_ended_study_keeps_its_last_word():
    walk = Walk().auto()
    assert walk.command(StopStudy()) == ()
    assert walk.model.ended == StudyEnded(state="finished")
