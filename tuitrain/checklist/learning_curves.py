"""Step 6: what the learning curves of the best trial say, and what to try next."""

from tuitrain.checklist.grid import describe_best
from tuitrain.checklist.metric import Metric, best_value, find_metric, rank
from tuitrain.checklist.plan import (
    Judgement,
    TrialPlan,
    advice_of,
    describe_kind,
    working,
    worst,
)
from tuitrain.checklist.settings import Settings
from tuitrain.diagnosis import examine, rounded
from tuitrain.events import (
    Advice,
    Confidence,
    Finding,
    Severity,
    Step,
    TrialId,
    Verdict,
)
from tuitrain.model import StepRun, StudyModel, TrialModel, best_of, whole_series


def plan_learning_curves(
    model: StudyModel, settings: Settings, run: StepRun
) -> tuple[TrialPlan, ...]:
    """Nothing runs: the curves are those of step 5."""
    return ()


def judge_learning_curves(
    model: StudyModel, settings: Settings, run: StepRun
) -> Judgement:
    """Examine the best trial of all rounds; fail only if what it does is critical.

    Findings below that make a warning: a person (or `--auto`) may act on the advice or
    accept what there is.
    """
    metric = find_metric(model, settings)
    ranked = rank(model, candidates(model), metric)
    if not ranked:
        return Judgement(
            verdict=Verdict.UNKNOWN,
            summary="no trial of step 5 to look at",
            advice=(Advice(text="Run step 5, refine grid, first."),),
        )
    best = ranked[0]
    findings = examine(model, best.trial)
    if (
        not len(whole_series(model, best.trial, "val_loss"))
        and not metric.is_validation
    ):
        findings = (*findings, _find_no_validation(best.trial))
    advice = tuple(
        a for a in advice_of(findings) if not _was_applied(model, best.trial, a)
    )
    names = ", ".join(describe_kind(f.kind) for f in findings if _matters(f))
    summary = describe_best(model, best, metric)
    return Judgement(
        verdict=_verdict(findings),
        summary=f"{summary}: {names}" if names else summary,
        evidence={
            "metric": metric.name,
            "best": rounded(best_value(model, best.trial, metric)),
            "trials": len(ranked),
            "epochs": best.epoch,
        },
        findings=findings,
        advice=advice,
        decision=best.config,
        best_trial=best.trial,
    )


def candidates(model: StudyModel) -> list[TrialModel]:
    """Return the trials of step 5 that may be accepted, those of all rounds."""
    return [
        trial
        for trial in working(list(model.trials.values()))
        if trial.step is Step.REFINE_GRID
    ]


def values_at_best(
    model: StudyModel, trial: TrialId, metric: Metric
) -> dict[str, float | None]:
    """Return the metric's best value and what else was measured by then.

    Probes (`update_ratio/…`) and speed are left out; None: not finite.
    """
    best = best_of(model, trial, metric.name, highest=metric.highest)
    if best is None:
        return {}
    at, value = best
    values: dict[str, float | None] = {metric.name: value}
    names = sorted(n for n in model.trials[trial].series if is_metric(n))
    for name in names:
        known = whole_series(model, trial, name).until(at)
        if name != metric.name and len(known):
            last = float(known.values[-1])
            values[name] = last if abs(last) < float("inf") else None
    return values


def is_metric(name: str) -> bool:
    """Whether a series measures the model and not the training."""
    return "/" not in name and name not in ("lr", "grad_norm", "samples_per_s")


def _matters(finding: Finding) -> bool:
    return finding.severity.rank >= Severity.MEDIUM.rank


def _verdict(findings: tuple[Finding, ...]) -> Verdict:
    severity = worst(findings)
    if severity is Severity.CRITICAL:
        return Verdict.FAIL
    if severity is not None and severity.rank >= Severity.MEDIUM.rank:
        return Verdict.WARN
    return Verdict.PASS


def _was_applied(model: StudyModel, base: TrialId, advice: Advice) -> bool:
    """Whether this was tried on this trial already, and was no improvement."""
    return advice.change is not None and any(
        applied.base == base and applied.advice.change == advice.change
        for applied in model.applied
    )


def _find_no_validation(trial: TrialId) -> Finding:
    return Finding(
        kind="no_validation_set",
        severity=Severity.MEDIUM,
        confidence=Confidence.HIGH,
        summary="Overfitting can't be seen: nothing was measured on validation data.",
        advice=(Advice(text="Give the task a validation set: Task(…, val=…)."),),
        trial=trial,
    )
