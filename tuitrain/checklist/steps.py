"""Each step's plan and judgement."""

from typing import Final

from tuitrain.checklist.coarse_grid import judge_coarse_grid, plan_coarse_grid
from tuitrain.checklist.find_lr import judge_find_lr, plan_find_lr
from tuitrain.checklist.initial_loss import judge_initial_loss, plan_initial_loss
from tuitrain.checklist.learning_curves import (
    judge_learning_curves,
    plan_learning_curves,
)
from tuitrain.checklist.overfit_small import judge_overfit_small, plan_overfit_small
from tuitrain.checklist.plan import Judge, Planner
from tuitrain.checklist.refine_grid import judge_refine_grid, plan_refine_grid
from tuitrain.events import Step

STEPS: Final[dict[Step, tuple[Planner, Judge]]] = {
    Step.INITIAL_LOSS: (plan_initial_loss, judge_initial_loss),
    Step.OVERFIT_SMALL: (plan_overfit_small, judge_overfit_small),
    Step.FIND_LR: (plan_find_lr, judge_find_lr),
    Step.COARSE_GRID: (plan_coarse_grid, judge_coarse_grid),
    Step.REFINE_GRID: (plan_refine_grid, judge_refine_grid),
    Step.LEARNING_CURVES: (plan_learning_curves, judge_learning_curves),
}
"""What each step runs, and how it is judged."""
