"""What a step would run, and about how long it takes by what was seen so far."""

import pytest

from tests.unit.checklist.walks import ITERATIONS_PER_EPOCH, Walk
from tuitrain.checklist import settings_from, with_changes
from tuitrain.commands import GoToStep, SetAuto
from tuitrain.events import (
    Advice,
    AdviceApplied,
    PointsMeasured,
    Step,
    StepEntered,
    SupervisorStarted,
)
from tuitrain.model import TrialModel
from tuitrain.study import PlanView, Study
from tuitrain.study.plans import plan_iterations


def _plan(walk: Walk, step: Step, **changes: object) -> PlanView:
    settings = with_changes(walk.settings, changes)
    plan = Study(walk.model).plan(step, settings)
    assert plan is not None
    return plan


def _slow(walk: Walk) -> Walk:
    """Make every trial's batch of points take ten times as long as other events."""
    train = walk.train

    def train_slowly(trial: TrialModel) -> None:
        train(trial)
        run = walk.training(trial)
        last = len(run.loss)
        for more in (1, 2):
            event = PointsMeasured(
                trial=trial.trial,
                iteration=[last + 100 * more],
                values={"loss": [0.1]},
            )
            walk.take(event)

    walk.train = train_slowly  # type: ignore[method-assign]
    return walk


def test_nothing_is_expected_before_anything_was_seen():
    walk = Walk()
    walk.rest()
    plan = _plan(walk, Step.INITIAL_LOSS)
    assert len(plan.trials) == 3
    assert plan.expected_s is None


def test_a_step_whose_plan_depends_on_others_has_none_yet():
    walk = Walk()
    walk.rest()
    assert _plan(walk, Step.COARSE_GRID).trials == ()


def test_twice_the_iterations_take_longer_and_twice_the_slots_less_time():
    walk = _slow(Walk()).auto(until=Step.OVERFIT_SMALL)
    usual = _plan(walk, Step.FIND_LR, devices={"slots": 1}).expected_s
    longer = _plan(
        walk, Step.FIND_LR, devices={"slots": 1}, find_lr={"iterations": 1000}
    ).expected_s
    two = _plan(walk, Step.FIND_LR, devices={"slots": 2}).expected_s
    assert usual is not None
    assert longer is not None
    assert two is not None
    assert longer > usual
    assert two == pytest.approx(usual / 2)


def test_slots_come_from_the_gpus_where_there_are_any():
    walk = Walk()
    walk.rest()
    walk.take(SupervisorStarted(pid=1, slots=2, devices=["GPU-0", "GPU-1"]))
    changes = {"devices": {"slots": 7, "per_gpu": 3}}
    assert _plan(walk, Step.INITIAL_LOSS, **changes).slots == 6


def test_a_trial_that_carries_on_makes_only_what_is_missing():
    walk = Walk().auto(until=Step.COARSE_GRID)
    walk.command(SetAuto(on=False))
    walk.command(GoToStep(step=Step.REFINE_GRID))
    plan = _plan(walk, Step.REFINE_GRID)
    counts = [
        (p.resumes is not None, plan_iterations(walk.model, p)) for p in plan.trials
    ]
    assert (True, 12 * ITERATIONS_PER_EPOCH) in counts
    assert (False, 15 * ITERATIONS_PER_EPOCH) in counts
    assert not plan.is_advised


def test_a_step_that_ends_when_it_fits_may_take_less():
    walk = Walk().auto(until=Step.INITIAL_LOSS)
    assert _plan(walk, Step.OVERFIT_SMALL).is_limit
    assert not _plan(walk, Step.FIND_LR).is_limit


def test_a_round_by_advice_says_so():
    walk = Walk().auto(until=Step.LEARNING_CURVES)
    base = walk.verdict(Step.LEARNING_CURVES).best_trial
    assert base is not None
    assert not _plan(walk, Step.REFINE_GRID).is_advised
    advice = Advice(text="Regularize.", change={"weight_decay": 1e-3})
    walk.take(
        AdviceApplied(round=2, base=base, advice=advice),
        StepEntered(step=Step.REFINE_GRID, round=2, attempt=1),
    )
    assert _plan(walk, Step.REFINE_GRID).is_advised


def test_a_log_that_says_nothing_of_its_settings_has_no_plan():
    walk = Walk()
    assert walk.model.settings == {}
    assert Study(walk.model).plan(Step.INITIAL_LOSS) is None
    given = settings_from({"script": "x"})
    assert Study(walk.model).plan(Step.INITIAL_LOSS, given) is not None
