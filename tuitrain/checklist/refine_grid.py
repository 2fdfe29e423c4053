"""Step 5: the best of step 4 and their finer neighbours, for longer, no LR decay."""

from collections.abc import Iterable

from tuitrain.checklist.grid import distinct, judge_grid, round_lr
from tuitrain.checklist.metric import find_metric, rank
from tuitrain.checklist.plan import Judgement, TrialPlan, working
from tuitrain.checklist.settings import Settings
from tuitrain.checklist.transitions import newest_judged
from tuitrain.events import AdviceApplied, Config, Step, TrialId, TrialLimits
from tuitrain.model import StepRun, StudyModel, TrialModel


def plan_refine_grid(
    model: StudyModel, settings: Settings, run: StepRun
) -> tuple[TrialPlan, ...]:
    """In round 1 around the best of step 4; later what the applied advice says."""
    applied = next((a for a in reversed(model.applied) if a.round == run.round), None)
    if applied is not None and applied.base in model.trials:
        return _plan_advice(model, settings, applied)
    return _plan_neighbours(model, settings)


def judge_refine_grid(model: StudyModel, settings: Settings, run: StepRun) -> Judgement:
    """Rank the trials by the best value of the validation metric so far."""
    return judge_grid(model, settings, run)


def _plan_neighbours(model: StudyModel, settings: Settings) -> tuple[TrialPlan, ...]:
    coarse = newest_judged(model, Step.COARSE_GRID)
    if coarse is None:
        return ()
    trials = working(model.trials_of(coarse))
    ranked = rank(model, trials, find_metric(model, settings))
    chosen = [trial.config for trial in ranked[: settings.refine_grid.best]]
    factors = settings.refine_grid.lr_factors
    neighbours = [_with_lr(config, f) for config in chosen for f in factors]
    return _as_plans(
        model, settings, [*chosen, *neighbours], settings.refine_grid.epochs
    )


def _plan_advice(
    model: StudyModel, settings: Settings, applied: AdviceApplied
) -> tuple[TrialPlan, ...]:
    """Plan the changed configuration, and with a changed LR or weight decay one beyond.

    When only the number of epochs grows, the one trial carries on where it was.
    """
    base = model.trials[applied.base]
    change = dict(applied.advice.change or {})
    epochs = int(
        change.pop("epochs", base.limits.epochs or settings.refine_grid.epochs)
    )
    configs = [{**base.config, **change}]
    for name in ("lr", "weight_decay"):
        old, new = float(base.config.get(name, 0)), float(change.get(name, 0))
        if old > 0 and new > 0 and old != new:
            between = round_lr((old * new) ** 0.5)
            configs.append({**base.config, **change, name: between})
    return _as_plans(model, settings, configs, epochs)


def _as_plans(
    model: StudyModel, settings: Settings, configs: Iterable[Config], epochs: int
) -> tuple[TrialPlan, ...]:
    limits = TrialLimits(epochs=epochs, schedule=False)
    return tuple(
        TrialPlan(
            config=config,
            limits=limits,
            seed=settings.seed,
            resumes=_find_checkpoint(model, config, settings.seed, epochs),
        )
        for config in distinct(configs)
    )


def _with_lr(config: Config, factor: float) -> Config:
    return {**config, "lr": round_lr(float(config["lr"]) * factor)}


def _find_checkpoint(
    model: StudyModel, config: Config, seed: int, epochs: int
) -> TrialId | None:
    """Return the trial that went farthest with the same configuration; None: none.

    Only whole epochs of a full training carry on: a trial of step 4, or of step 5 in
    an earlier round.
    """
    usable = [t for t in model.trials.values() if _is_usable(t, config, seed, epochs)]
    best = max(usable, key=lambda trial: trial.epoch, default=None)
    return best.trial if best is not None else None


def _is_usable(trial: TrialModel, config: Config, seed: int, epochs: int) -> bool:
    return (
        trial.checkpoint is not None
        and trial.step in (Step.COARSE_GRID, Step.REFINE_GRID)
        and trial in working([trial])
        and (trial.config, trial.seed) == (config, seed)
        and 0 < trial.epoch < epochs
    )
