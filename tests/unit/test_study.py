"""The study as screens and printers see it."""

from dataclasses import replace

import pytest

from tests.unit.checklist.walks import ITERATIONS_PER_EPOCH, Run, Walk, healthy
from tuitrain.checklist import settings_to
from tuitrain.commands import (
    ApplyAdvice,
    GoToStep,
    OverrideVerdict,
    RunStep,
    SetAuto,
    StopStudy,
)
from tuitrain.events import (
    PointsMeasured,
    SettingsChanged,
    Step,
    SupervisorStarted,
    TaskDescribed,
    TrialId,
    TrialQueued,
    TrialStarted,
    Verdict,
)
from tuitrain.model import StudyModel, TrialModel, TrialState, fold_all
from tuitrain.study import RatioState, StepState, Study


def _study(walk: Walk) -> Study:
    return Study(walk.model)


def test_a_study_goes_from_new_to_ready_to_running_to_its_end():
    assert Study(StudyModel()).state == "new"
    walk = Walk()
    walk.rest()
    assert _study(walk).state == "ready"
    walk.command(RunStep())
    assert _study(walk).state == "running"
    walk.rest()
    assert _study(walk).state == "ready"
    walk.auto()
    assert _study(walk).state == "finished"


def test_the_six_steps_are_there_from_the_start():
    steps = Study(StudyModel()).steps
    assert [view.step for view in steps] == list(Step)
    assert {view.state for view in steps} == {StepState.TODO}
    assert Study(StudyModel()).current is None


def test_a_running_step_counts_its_trials_and_its_progress():
    walk = Walk()
    walk.command(RunStep())
    walk.decide()
    walk.train(walk.model.trials[TrialId("0001")])
    view = _study(walk).current
    assert view is not None
    assert view.state is StepState.RUNNING
    assert (view.done, view.total) == (1, 3)
    assert view.progress == pytest.approx(1 / 3)


def test_a_judged_step_shows_its_verdict_and_evidence():
    view = _study(Walk().auto()).steps[0]
    assert (view.state, view.verdict) == (StepState.JUDGED, Verdict.PASS)
    assert view.summary == "2.31 (ln 10 = 2.303)"
    assert view.elapsed_s is not None
    assert view.elapsed_s > 0


def test_an_overruled_verdict_counts_and_says_why():
    walk = Walk().auto(until=Step.INITIAL_LOSS)
    walk.command(OverrideVerdict(verdict=Verdict.FAIL, note="too good"))
    view = _study(walk).steps[0]
    assert (view.verdict, view.is_overridden, view.note) == (
        Verdict.FAIL,
        True,
        "too good",
    )


def test_a_new_round_begins_steps_5_and_6_afresh_and_keeps_the_others():
    walk = Walk(_overfits).auto(until=Step.LEARNING_CURVES)
    walk.command(SetAuto(on=False))
    advice = walk.verdict(Step.LEARNING_CURVES).advice
    index = next(i for i, a in enumerate(advice) if a.change)
    walk.command(ApplyAdvice(index=index))
    views = _study(walk).steps
    assert [view.state for view in views] == [StepState.JUDGED] * 4 + [
        StepState.READY,
        StepState.TODO,
    ]
    assert views[4].round == 2


def _overfits(trial: TrialModel) -> Run:
    run = healthy(trial)
    if trial.step is not Step.REFINE_GRID:
        return run
    epochs = range(trial.limits.epochs or 15)
    return replace(run, validation=[(0.2 + 0.1 * e, 0.95 - 0.02 * e) for e in epochs])


def test_the_trials_shown_for_the_learning_curves_are_those_of_step_5():
    walk = Walk().auto()
    shown = [view.trial for view in _study(walk).trials_of_current()]
    assert shown == [trial.trial for trial in walk.trials(Step.REFINE_GRID)]


def test_a_row_tells_configuration_progress_and_measurements():
    walk = Walk().auto()
    view = _study(walk).trials[0]
    assert view.varied == "lr=1e-4 wd=0"
    best = walk.model.best
    assert best is not None
    row = next(v for v in _study(walk).trials if v.trial == best.trial)
    assert (row.epoch, row.epochs, row.progress) == (15, 15, 1.0)
    assert row.iterations == 15 * ITERATIONS_PER_EPOCH
    assert row.best_metric == best.metrics["val_accuracy"]
    assert row.state is TrialState.FINISHED


def test_the_metric_follows_the_settings_in_force():
    walk = Walk(metric="val_loss").auto(until=Step.INITIAL_LOSS)
    walk.take(SettingsChanged(settings=settings_to(walk.settings)))
    assert _study(walk).metric() == ("val_loss", False)
    assert Study(StudyModel()).metric() == ("val_accuracy", True)


def test_metrics_leave_probes_out_and_add_the_best():
    walk = Walk().auto()
    best = walk.model.best
    assert best is not None
    metrics = _study(walk).metrics(best.trial)
    assert set(metrics) == {
        "loss",
        "accuracy",
        "val_loss",
        "val_accuracy",
        "best_val_accuracy",
    }
    assert _study(walk).metrics(TrialId("9999")) == {}


def test_findings_of_a_trial_are_remembered():
    walk = Walk(_overfits).auto()
    best = walk.verdict(Step.LEARNING_CURVES).best_trial
    assert best is not None
    first = _study(walk).findings(best)
    assert first[0].kind == "overfitting"
    assert Study(walk.model).findings(best) is first


def _running(ratios: dict[str, list[float]], iterations: int = 100) -> Study:
    trial = TrialId("0001")
    walk = Walk()
    walk.take(SupervisorStarted(pid=1, slots=1))
    walk.command(RunStep())
    walk.decide()
    queued = next(r.event for r in walk.records if isinstance(r.event, TrialQueued))
    assert queued.trial == trial
    walk.take(
        TrialStarted(
            trial=trial,
            pid=1,
            start_ticks=1,
            boot_id="b",
            shim_pid=2,
            shim_start_ticks=1,
            device="cpu",
            threads=1,
            how="warm",
        ),
        TaskDescribed(
            trial=trial, loss=Walk().training(_trial()).facts, parameters=1, layers=[]
        ),
    )
    for name, values in ratios.items():
        first = iterations - len(values) + 1
        walk.take(
            PointsMeasured(
                trial=trial,
                iteration=list(range(first, iterations + 1)),
                values={f"update_ratio/{name}": list(values)},
            )
        )
    return _study(walk)


def _trial() -> TrialModel:
    return TrialModel(trial=TrialId("0001"), config={"lr": 0.01, "weight_decay": 0.0})


def test_gauges_come_worst_first_and_dead_before_all():
    study = _running(
        {
            "fine": [1e-3] * 3,
            "low": [1e-5] * 3,
            "high": [0.5] * 3,
            "dead": [1e-10] * 3,
            "cut off": [0.0] * 3,
        }
    )
    gauges = study.gauges(TrialId("0001"))
    assert [(g.layer, g.state) for g in gauges] == [
        ("dead", RatioState.DEAD),
        ("cut off", RatioState.NO_GRADIENT),
        ("high", RatioState.HIGH),
        ("low", RatioState.LOW),
        ("fine", RatioState.FINE),
    ]
    assert study.gauges(TrialId("9999")) == ()


def test_a_gauge_keeps_its_newest_readings_as_a_trail():
    study = _running({"fc": [1e-3 * (1 + i) for i in range(20)]})
    (gauge,) = study.gauges(TrialId("0001"))
    assert len(gauge.trail) == 8
    assert gauge.trail[-1] == gauge.ratio == pytest.approx(0.02)


def test_a_high_ratio_is_fine_at_the_very_start():
    assert _running({"fc": [0.05]}, iterations=3).gauges(TrialId("0001"))[0].state is (
        RatioState.FINE
    )


def test_a_lone_trial_folder_has_rows_and_no_current_step():
    records = [r for r in Walk().auto().records if isinstance(r.event, PointsMeasured)]
    study = Study(fold_all(StudyModel(), records))
    assert study.current is None
    assert len(study.trials_of_current()) == len(study.trials) > 0


def test_a_step_that_was_stopped_with_the_study_is_ready_to_be_run_once_more():
    walk = Walk()
    walk.command(RunStep())
    walk.decide()
    walk.train(walk.model.trials[TrialId("0001")])
    walk.command(StopStudy())
    view = _study(walk).current
    assert view is not None
    assert view.state is StepState.READY
    assert view.progress is None
    assert _study(walk).state == "stopped"
    walk.command(RunStep())
    view = _study(walk).current
    assert view is not None
    assert view.state is StepState.RUNNING


def test_only_the_step_that_the_study_is_at_runs_or_is_ready():
    walk = Walk()
    walk.command(RunStep())
    walk.rest()
    walk.command(GoToStep(step=Step.OVERFIT_SMALL))
    walk.command(RunStep())
    walk.decide()
    walk.command(StopStudy())
    walk.command(GoToStep(step=Step.INITIAL_LOSS))
    states = [view.state for view in _study(walk).steps]
    assert states[:2] == [StepState.JUDGED, StepState.TODO]
