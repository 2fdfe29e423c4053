"""The table of transitions, walked: every step with every outcome."""

import pytest

from tests.unit.checklist.walks import Walk
from tuitrain.checklist import TRANSITIONS, Outcome, RefusedError
from tuitrain.commands import GoToStep, OverrideVerdict, RerunStep
from tuitrain.events import Step, StudyEnded, Verdict

STEPS = list(Step)


def _at(step: Step) -> Walk:
    """A study by hand, standing at `step`, which is judged."""
    walk = Walk().auto(until=step)
    walk.command(_off())
    return walk


def _off():
    from tuitrain.commands import SetAuto

    return SetAuto(on=False)


def test_every_step_has_a_place_to_go_for_pass_and_for_fail():
    for step in Step:
        assert (step, Outcome.ACCEPTED) in TRANSITIONS
        assert TRANSITIONS[step, Outcome.FAILED] is step


@pytest.mark.parametrize(
    "step", [s for s, o in TRANSITIONS if o is Outcome.ACCEPTED and s is not STEPS[-1]]
)
def test_an_accepted_step_leads_to_the_next_and_no_further(step):
    walk = _at(step)
    following = TRANSITIONS[step, Outcome.ACCEPTED]
    assert following is STEPS[step.number]
    for beyond in STEPS[step.number + 1 :]:
        with pytest.raises(RefusedError, match="can't follow yet"):
            walk.command(GoToStep(step=beyond))
    walk.command(GoToStep(step=following))
    assert walk.model.current is not None
    assert walk.model.current.step is following
    assert walk.model.current.started_at_s is None


def test_the_last_step_accepted_is_the_end():
    assert TRANSITIONS[Step.LEARNING_CURVES, Outcome.ACCEPTED] is None
    assert Walk().auto().model.ended == StudyEnded(state="finished")


@pytest.mark.parametrize("step", STEPS)
def test_a_failed_step_can_be_run_again_but_not_left_forward(step):
    walk = _at(step)
    walk.command(OverrideVerdict(verdict=Verdict.FAIL, note="I don't believe it"))
    for beyond in STEPS[step.number :]:
        with pytest.raises(RefusedError):
            walk.command(GoToStep(step=beyond))
    walk.command(RerunStep())
    assert walk.model.current is not None
    assert (walk.model.current.step, walk.model.current.attempt) == (step, 2)


@pytest.mark.parametrize("step", [s for s, o in TRANSITIONS if o is Outcome.BACK])
def test_back_leads_to_the_step_before_which_can_be_run_again(step):
    walk = _at(step)
    before = TRANSITIONS[step, Outcome.BACK]
    assert before is STEPS[step.number - 2]
    walk.command(GoToStep(step=before))
    assert walk.model.current is not None
    assert walk.model.current.reached is not None, "its results are still there"
    walk.command(RerunStep())
    walk.rest()
    assert walk.model.current is not None
    assert (walk.model.current.step, walk.model.current.attempt) == (before, 2)
    walk.command(GoToStep(step=step))
    assert walk.model.current.reached is None, "what came before was judged anew"


@pytest.mark.parametrize("step", [s for s, o in TRANSITIONS if o is Outcome.BACK])
def test_back_and_on_again_shows_the_same_results(step):
    walk = _at(step)
    results = walk.model.current
    walk.command(GoToStep(step=STEPS[step.number - 2]))
    walk.command(GoToStep(step=step))
    assert walk.model.current == results


def test_only_the_learning_curves_turn_advice_into_a_plan():
    applied = {
        s: to for (s, o), to in TRANSITIONS.items() if o is Outcome.ADVICE_APPLIED
    }
    assert applied == {Step.LEARNING_CURVES: Step.REFINE_GRID}
