"""Step 2: can the model fit a handful of minibatches to 100 % training accuracy?"""

import numpy as np

from tuitrain.checklist.causes import find_causes
from tuitrain.checklist.failed_trials import find_failed_trials, judge_none_worked
from tuitrain.checklist.plan import (
    Judgement,
    TrialPlan,
    advice_of,
    counted,
    lr_of,
    make_config,
    verdict_from,
    with_cause,
    working,
)
from tuitrain.checklist.settings import Settings
from tuitrain.diagnosis import FitFailure, arrange, classify_fit_failure, finite
from tuitrain.events import (
    Advice,
    Confidence,
    Evidence,
    Finding,
    OutcomeKind,
    Severity,
    TrialLimits,
)
from tuitrain.model import StepRun, StudyModel, TrialModel
from tuitrain.units import format_number, format_percent, format_power


def plan_overfit_small(
    model: StudyModel, settings: Settings, run: StepRun
) -> tuple[TrialPlan, ...]:
    """One trial for each LR, all regularization off.

    All are run although one fit is enough: those that fit end early anyway, and the
    others show at which LRs this model explodes or stands still.
    """
    asked = settings.overfit_small
    limits = TrialLimits(
        iterations=asked.iterations,
        batches=asked.batches,
        regularize=False,
        schedule=False,
        validate=False,
        stop_at_fit=True,
    )
    return tuple(
        TrialPlan(
            config=make_config(settings, lr, 0.0), limits=limits, seed=settings.seed
        )
        for lr in asked.lrs
    )


def judge_overfit_small(
    model: StudyModel, settings: Settings, run: StepRun
) -> Judgement:
    """Pass when one trial fitted; otherwise say how all of them failed.

    Causes that probes show for certain count even when a trial fitted: with an LR that
    is not the one given, the steps that follow would compare nothing.
    """
    trials = counted(model, run)
    worked = [trial for trial in working(trials) if len(trial.get("loss"))]
    if not worked:
        return judge_none_worked(model, run)
    fitted = sorted(filter(is_fitted, worked), key=lambda t: (t.iteration, lr_of(t)))
    found = [*find_causes(model, worked), *find_failed_trials(model, trials)]
    if not fitted:
        found.append(_find_failure(worked))
    findings = arrange(found)
    best = fitted[0] if fitted else max(worked, key=_best_accuracy)
    summary = _summary_of_fit(best) if fitted else _summary_of_failure(worked)
    return Judgement(
        verdict=verdict_from(findings),
        summary=with_cause(summary, findings),
        evidence=_evidence(worked, fitted),
        findings=findings,
        advice=advice_of(findings),
        best_trial=best.trial,
    )


def is_fitted(trial: TrialModel) -> bool:
    """Whether the trial reached 100 % (regression: a loss next to nothing)."""
    return trial.finished is not None and trial.finished.outcome is OutcomeKind.FITTED


def _summary_of_fit(trial: TrialModel) -> str:
    what = "100 %" if len(trial.get("accuracy")) else "loss ≤ 1 %"
    return (
        f"{what} after {trial.iteration} iterations at LR {format_power(lr_of(trial))}"
    )


def _best_accuracy(trial: TrialModel) -> tuple[float, float]:
    """Return the best accuracy of a whole pass, and minus the lowest loss."""
    accuracy, loss = best_pass_accuracy(trial), trial.get("loss").best(highest=False)
    return (
        0.0 if accuracy is None else accuracy,
        -loss[1] if loss is not None else -np.inf,
    )


def best_pass_accuracy(trial: TrialModel) -> float | None:
    """Return the highest mean accuracy over one pass; None: none was measured.

    A single minibatch may be fitted long before all of them are at once.
    """
    values = finite(trial.get("accuracy").values)
    if not len(values):
        return None
    width = min(trial.limits.batches or 1, len(values))
    return float(np.convolve(values, np.full(width, 1 / width), mode="valid").max())


def _summary_of_failure(worked: list[TrialModel]) -> str:
    failures = set(_classify(worked))
    if FitFailure.STUCK in failures:
        return f"stuck at {_describe_reached(max(worked, key=_best_accuracy))}"
    if failures == {FitFailure.EXPLODED}:
        return "the loss explodes at every LR"
    return "the loss does not come down at any LR"


def _classify(worked: list[TrialModel]) -> list[FitFailure]:
    return [classify_fit_failure(trial.get("loss").values) for trial in worked]


def _evidence(worked: list[TrialModel], fitted: list[TrialModel]) -> Evidence:
    return {
        "fitted": [trial.trial for trial in fitted],
        "iterations": fitted[0].iteration if fitted else None,
        "lr": lr_of(fitted[0]) if fitted else None,
        **_outcomes(worked, fitted),
    }


def _outcomes(worked: list[TrialModel], fitted: list[TrialModel]) -> Evidence:
    return {
        "lrs": [lr_of(trial) for trial in worked],
        "outcomes": [
            "fitted" if trial in fitted else str(failure)
            for trial, failure in zip(worked, _classify(worked), strict=True)
        ],
    }


def _find_failure(worked: list[TrialModel]) -> Finding:
    by_trial = list(zip(worked, _classify(worked), strict=True))
    failures = {failure for _, failure in by_trial}
    evidence = _outcomes(worked, [])
    if FitFailure.STUCK in failures:
        return _stuck([t for t, f in by_trial if f is FitFailure.STUCK], evidence)
    if failures == {FitFailure.EXPLODED}:
        return _exploded(worked, evidence)
    return _not_decreasing(worked, evidence)


def _describe_reached(best: TrialModel) -> str:
    accuracy = best_pass_accuracy(best)
    if accuracy is not None:
        return f"accuracy {format_percent(accuracy)}"
    return f"loss {format_number(-_best_accuracy(best)[1])}"


def _stuck(trials: list[TrialModel], evidence: Evidence) -> Finding:
    best = max(trials, key=_best_accuracy)
    reached = _describe_reached(best)
    return Finding(
        kind="stuck_below_fit",
        severity=Severity.HIGH,
        confidence=Confidence.MEDIUM,
        summary=(
            f"The loss falls but never to a fit: {reached} after {best.iteration} "
            f"iterations at LR {format_power(lr_of(best))}."
        ),
        evidence={**evidence, "reached": reached, "iterations": best.iteration},
        advice=(
            Advice(text="Look for a bug: labels mixed up, inputs lost or all alike."),
            Advice(text="Make sure that loss and last layer belong together."),
            Advice(text="Take a bigger model, if this one is tiny."),
            Advice(
                text="Still falling? Allow twice as many iterations.",
                change={"iterations": 2 * best.iteration},
            ),
        ),
        trial=best.trial,
    )


def _exploded(trials: list[TrialModel], evidence: Evidence) -> Finding:
    lowest = min(lr_of(trial) for trial in trials)
    return Finding(
        kind="loss_exploded",
        severity=Severity.CRITICAL,
        confidence=Confidence.HIGH,
        summary=f"The loss explodes at every LR, even at {format_power(lowest)}.",
        evidence=evidence,
        advice=(
            Advice(
                text="Try a lower LR; make sure that the script uses the one given.",
                change={"lr": float(f"{lowest / 10:.3g}")},
            ),
            Advice(
                text="Check the initialization: weights far too large explode as well."
            ),
            Advice(text="Normalize the inputs; look for NaN among them."),
        ),
    )


def _not_decreasing(trials: list[TrialModel], evidence: Evidence) -> Finding:
    highest = max(lr_of(trial) for trial in trials)
    return Finding(
        kind="loss_not_decreasing",
        severity=Severity.HIGH,
        confidence=Confidence.HIGH,
        summary=(
            "The loss does not come down at any LR "
            f"up to {format_power(highest)}, on a few minibatches."
        ),
        evidence=evidence,
        advice=(
            Advice(
                text="Try a higher LR.", change={"lr": float(f"{highest * 10:.3g}")}
            ),
            Advice(text="Check the initialization: weights all zero learn nothing."),
            Advice(text="Make sure that the optimizer holds the model's parameters."),
            Advice(text="Make sure that gradients reach them: no detach, no .data."),
        ),
    )
