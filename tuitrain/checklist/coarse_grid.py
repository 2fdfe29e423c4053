"""Step 4: a coarse grid of LR and weight decay around what worked."""

from tuitrain.checklist.grid import distinct, judge_grid, round_lr
from tuitrain.checklist.plan import Judgement, TrialPlan, make_config
from tuitrain.checklist.settings import Settings
from tuitrain.checklist.transitions import newest_judged
from tuitrain.events import Step, TrialLimits
from tuitrain.model import StepRun, StudyModel


def plan_coarse_grid(
    model: StudyModel, settings: Settings, run: StepRun
) -> tuple[TrialPlan, ...]:
    """Every LR with every weight decay; nothing while step 3 settled no LR."""
    lr = settled_lr(model, settings)
    if lr is None:
        return ()
    asked = settings.coarse_grid
    configs = distinct(
        make_config(settings, round_lr(lr * factor), decay)
        for factor in asked.lr_factors
        for decay in asked.weight_decays
    )
    limits = TrialLimits(epochs=asked.epochs, schedule=False)
    return tuple(
        TrialPlan(config=config, limits=limits, seed=settings.seed)
        for config in configs
    )


def judge_coarse_grid(model: StudyModel, settings: Settings, run: StepRun) -> Judgement:
    """Rank the grid by the validation metric."""
    return judge_grid(model, settings, run)


def settled_lr(model: StudyModel, settings: Settings) -> float | None:
    """Return the LR of step 3; None: step 3 has not been judged.

    Where step 3 found none and was overruled, the lowest LR asked for.
    """
    found = newest_judged(model, Step.FIND_LR)
    if found is None:
        return None
    decision = found.reached.decision if found.reached is not None else {}
    return float(decision.get("lr", min(settings.find_lr.lrs)))
