"""What keys ask for in every state of a study."""

from pathlib import Path

import pytest

from tests.tui.builder import StudyBuilder
from tests.tui.studies import build_coarse_grid, build_learning_curves
from tuitrain.commands import (
    AcceptBest,
    ApplyAdvice,
    GoToStep,
    RerunStep,
    ResumeTrial,
    RunStep,
    SetAuto,
    StopTrial,
)
from tuitrain.events import (
    Advice,
    AutoSet,
    PerGpuLowered,
    Step,
    StudyEnded,
    TrialEnded,
    TrialId,
    Verdict,
)
from tuitrain.model import StudyModel, fold_all
from tuitrain.sources import StudySource
from tuitrain.study import Study
from tuitrain.tui.panes.verdict import describe
from tuitrain.tui.view import View
from tuitrain.tui.wishes import (
    Hint,
    accept,
    applicable,
    apply_advice,
    go_on,
    has_running,
    move_step,
    name_of_next,
    rerun,
    resume_trial,
    stop_trial,
    toggle_auto,
)


def folded(study: StudyBuilder) -> Study:
    study.close()
    records = StudySource(study.folder.path).read_all()
    return Study(fold_all(StudyModel(), records))


@pytest.fixture
def builder(tmp_path: Path) -> StudyBuilder:
    return StudyBuilder(tmp_path / "digits")


def test_before_the_study_begins_no_key_asks_for_anything() -> None:
    study = Study(StudyModel())
    for wish in (go_on(study), rerun(study), move_step(study, 1), accept(study, None)):
        assert isinstance(wish, Hint)


def test_enter_runs_a_step_that_is_ready(builder: StudyBuilder) -> None:
    builder.enter(Step.INITIAL_LOSS)
    study = folded(builder)
    assert go_on(study) == RunStep()
    assert name_of_next(study) == "run"


@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.WARN, Verdict.UNKNOWN])
def test_enter_goes_on_from_a_step_that_did_not_fail(
    builder: StudyBuilder, verdict: Verdict
) -> None:
    builder.enter(Step.FIND_LR)
    builder.start()
    builder.judge(verdict, "LR 1e-2")
    study = folded(builder)
    assert go_on(study) == GoToStep(step=Step.COARSE_GRID)
    assert name_of_next(study) == "on to 4 coarse grid"


def test_enter_does_not_go_on_from_a_step_that_failed(builder: StudyBuilder) -> None:
    builder.enter(Step.FIND_LR)
    builder.start()
    builder.judge(Verdict.FAIL, "no LR works")
    study = folded(builder)
    assert isinstance(go_on(study), Hint)
    assert name_of_next(study) == ""
    assert rerun(study) == RerunStep()


def test_a_running_step_is_neither_run_nor_run_again(tmp_path: Path) -> None:
    study = folded(build_coarse_grid(tmp_path / "digits"))
    assert isinstance(go_on(study), Hint)
    assert isinstance(rerun(study), Hint)
    assert has_running(study)


def test_steps_end_at_the_first_and_the_last(builder: StudyBuilder) -> None:
    builder.enter(Step.INITIAL_LOSS)
    study = folded(builder)
    assert isinstance(move_step(study, -1), Hint)
    assert move_step(study, 1) == GoToStep(step=Step.OVERFIT_SMALL)


def test_only_an_advice_with_a_change_is_applied(tmp_path: Path) -> None:
    study = folded(build_learning_curves(tmp_path / "digits"))
    assert apply_advice(study, 1) == ApplyAdvice(index=0)
    assert isinstance(apply_advice(study, 2), Hint)
    assert isinstance(apply_advice(study, 3), Hint)
    assert accept(study, None) == AcceptBest(trial=None)


def test_nothing_is_accepted_before_step_six(tmp_path: Path) -> None:
    study = folded(build_coarse_grid(tmp_path / "digits"))
    assert isinstance(accept(study, None), Hint)
    assert isinstance(apply_advice(study, 1), Hint)


def test_only_a_living_trial_is_stopped(tmp_path: Path) -> None:
    study = folded(build_coarse_grid(tmp_path / "digits"))
    by_id = {trial.trial: trial for trial in study.trials}
    assert isinstance(stop_trial(None), Hint)
    assert isinstance(stop_trial(by_id[TrialId("0012")]), Hint)
    assert stop_trial(by_id[TrialId("0018")]) == StopTrial(trial=TrialId("0018"))


def test_only_a_dead_or_stopped_trial_is_carried_on(tmp_path: Path) -> None:
    builder = build_coarse_grid(tmp_path / "digits")
    dead = TrialId("0018")
    builder.state(dead, TrialEnded(trial=dead, signal=9))
    study = folded(builder)
    by_id = {trial.trial: trial for trial in study.trials}
    assert isinstance(resume_trial(study, None), Hint)
    ended = resume_trial(study, by_id[TrialId("0012")])
    assert ended == Hint("trial 0012 came to its end: there is nothing to carry on")
    assert resume_trial(study, by_id[dead]) == ResumeTrial(trial=dead)
    text = "\n".join(str(row) for row in describe(study, View(), 100))
    assert "0018 died" in text
    assert "C carries it on" in text


def test_trials_that_ran_out_of_memory_together_are_told_of(tmp_path: Path) -> None:
    builder = build_coarse_grid(tmp_path / "digits")
    trial = TrialId("0018")
    builder.journal(PerGpuLowered(trial=trial, device="GPU-1", sharing=2, per_gpu=1))
    text = " ".join(str(row) for row in describe(folded(builder), View(), 200))
    assert (
        "0018 ran out of memory with 2 trials on a GPU: from then on 1 on each" in text
    )


def test_auto_is_switched_to_the_other_state(builder: StudyBuilder) -> None:
    builder.enter(Step.INITIAL_LOSS)
    assert toggle_auto(folded(builder)) == SetAuto(on=True)
    builder = StudyBuilder(builder.folder.path / "other")
    builder.journal(AutoSet(on=True))
    assert toggle_auto(folded(builder)) == SetAuto(on=False)


def test_a_step_that_was_stopped_with_the_study_says_how_it_goes_on(
    builder: StudyBuilder,
) -> None:
    builder.enter(Step.FIND_LR)
    builder.start()
    builder.journal(StudyEnded(state="stopped"))
    study = folded(builder)
    assert go_on(study) == RunStep()
    text = "\n".join(str(row) for row in describe(study, View(), 100))
    assert "enter runs it" in text


def test_an_advice_that_a_step_before_the_last_can_take_names_its_key(
    builder: StudyBuilder,
) -> None:
    builder.enter(Step.OVERFIT_SMALL)
    builder.start()
    advice = (
        Advice(text="Look for a bug."),
        Advice(text="Allow more iterations.", change={"iterations": 1000}),
        Advice(text="Try an LR that is tried already.", change={"lr": 0.1}),
    )
    builder.judge(Verdict.FAIL, "stuck at 60 %", advice=advice)
    study = folded(builder)
    assert applicable(study) == (2,)
    text = "\n".join(str(row) for row in describe(study, View(), 100))
    assert "2 into the plan: advice 2" in text
    assert "advice 3" not in text
