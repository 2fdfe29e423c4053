"""What may follow a step: one table."""

from enum import StrEnum
from typing import Final

from tuitrain.events import Step, Verdict
from tuitrain.model import StepRun, StudyModel


class Outcome(StrEnum):
    """What became of a step, or what a person wants next."""

    ACCEPTED = "accepted"
    """Passed, passed with a warning, or could not be judged; or overruled to be so."""
    FAILED = "failed"
    """Failed, or overruled to be so: it is run again once the cause is removed."""
    BACK = "back"
    """A person goes back to the step before."""
    ADVICE_APPLIED = "advice_applied"
    """An advice became the plan of the next round."""


TRANSITIONS: Final[dict[tuple[Step, Outcome], Step | None]] = {
    (Step.INITIAL_LOSS, Outcome.ACCEPTED): Step.OVERFIT_SMALL,
    (Step.INITIAL_LOSS, Outcome.FAILED): Step.INITIAL_LOSS,
    (Step.OVERFIT_SMALL, Outcome.ACCEPTED): Step.FIND_LR,
    (Step.OVERFIT_SMALL, Outcome.FAILED): Step.OVERFIT_SMALL,
    (Step.OVERFIT_SMALL, Outcome.BACK): Step.INITIAL_LOSS,
    (Step.FIND_LR, Outcome.ACCEPTED): Step.COARSE_GRID,
    (Step.FIND_LR, Outcome.FAILED): Step.FIND_LR,
    (Step.FIND_LR, Outcome.BACK): Step.OVERFIT_SMALL,
    (Step.COARSE_GRID, Outcome.ACCEPTED): Step.REFINE_GRID,
    (Step.COARSE_GRID, Outcome.FAILED): Step.COARSE_GRID,
    (Step.COARSE_GRID, Outcome.BACK): Step.FIND_LR,
    (Step.REFINE_GRID, Outcome.ACCEPTED): Step.LEARNING_CURVES,
    (Step.REFINE_GRID, Outcome.FAILED): Step.REFINE_GRID,
    (Step.REFINE_GRID, Outcome.BACK): Step.COARSE_GRID,
    (Step.LEARNING_CURVES, Outcome.ACCEPTED): None,
    (Step.LEARNING_CURVES, Outcome.FAILED): Step.LEARNING_CURVES,
    (Step.LEARNING_CURVES, Outcome.BACK): Step.REFINE_GRID,
    (Step.LEARNING_CURVES, Outcome.ADVICE_APPLIED): Step.REFINE_GRID,
}
"""Where a study goes from a step; None: it is finished, the best is accepted."""


def verdict_in_force(run: StepRun) -> Verdict | None:
    """Return the verdict that counts, an override before the judgement; None: none."""
    if run.overridden is not None:
        return run.overridden.verdict
    return run.reached.verdict if run.reached is not None else None


def outcome_of(run: StepRun) -> Outcome | None:
    """Return what became of a run of a step; None: it is not judged."""
    verdict = verdict_in_force(run)
    if verdict is None:
        return None
    return Outcome.FAILED if verdict is Verdict.FAIL else Outcome.ACCEPTED


def newest_judged(model: StudyModel, step: Step) -> StepRun | None:
    """Return the newest run of `step` that has a verdict; None: there is none."""
    runs = (r for r in reversed(model.runs) if r.step is step)
    return next((r for r in runs if verdict_in_force(r) is not None), None)


def may_go_to(model: StudyModel, step: Step) -> bool:
    """Whether the table leads to `step`: back, again, or on from accepted steps only."""
    at = model.current.step if model.current else Step.INITIAL_LOSS
    seen = {at}
    back: Step | None = at
    while back is not None:
        seen.add(back)
        back = TRANSITIONS.get((back, Outcome.BACK))
    on: Step | None = Step.INITIAL_LOSS
    while on is not None:
        seen.add(on)
        run = newest_judged(model, on)
        outcome = outcome_of(run) if run is not None else None
        on = TRANSITIONS[on, outcome] if outcome is Outcome.ACCEPTED else None
    return step in seen
