"""What the two grid steps share: configurations next to each other, and a ranking."""

from collections.abc import Iterable
from typing import Final

from tuitrain.checklist.failed_trials import find_failed_trials, judge_none_worked
from tuitrain.checklist.metric import Metric, best_value, find_metric, rank
from tuitrain.checklist.plan import (
    Judgement,
    advice_of,
    counted,
    lr_of,
    verdict_from,
    weight_decay_of,
    working,
)
from tuitrain.checklist.settings import Settings
from tuitrain.diagnosis import rounded
from tuitrain.events import (
    Advice,
    Confidence,
    Config,
    Evidence,
    Finding,
    Severity,
)
from tuitrain.model import StepRun, StudyModel, TrialModel
from tuitrain.units import format_number, format_percent, format_power

SAME_LR: Final = 1.25
"""LRs whose quotient is below are the same point of a grid: a finer one, a quarter of a
decade, is a factor 1.78."""


def round_lr(lr: float) -> float:
    """Return `lr` in two significant digits: what is shown is what runs."""
    return float(f"{lr:.2g}")


def distinct(configs: Iterable[Config]) -> list[Config]:
    """Return the configurations without those nearly equal to an earlier one."""
    kept: list[Config] = []
    for config in configs:
        if not any(is_near(config, other) for other in kept):
            kept.append(config)
    return kept


def is_near(first: Config, second: Config) -> bool:
    """Whether two configurations differ in nothing but a trifle of the LR."""
    if {**first, "lr": 0} != {**second, "lr": 0}:
        return False
    one, other = float(first["lr"]), float(second["lr"])
    return max(one, other) < SAME_LR * min(one, other)


def judge_grid(model: StudyModel, settings: Settings, run: StepRun) -> Judgement:
    """Rank the trials of a grid by the metric.

    Trials that diverged or failed don't fail the step while others work.
    """
    trials = counted(model, run)
    metric = find_metric(model, settings)
    ranked = rank(model, working(trials), metric)
    if not ranked:
        return _judge_unranked(model, run, trials, metric)
    findings = list(find_failed_trials(model, trials))
    if not metric.is_validation:
        findings.append(_find_no_validation(metric))
    best = ranked[0]
    return Judgement(
        verdict=verdict_from(findings),
        summary=describe_best(model, best, metric),
        evidence=_evidence(model, ranked, trials, metric),
        findings=tuple(findings),
        advice=advice_of(findings),
        decision=best.config,
        best_trial=best.trial,
    )


def describe_best(model: StudyModel, trial: TrialModel, metric: Metric) -> str:
    """Return `best val accuracy 98.3 % (LR 1e-2, WD 1e-4)`."""
    value = best_value(model, trial.trial, metric)
    is_share = metric.name.endswith("accuracy")
    written = format_percent(value) if is_share else format_number(value)
    return f"best {metric.label} {written} ({describe_config(trial.config)})"


def describe_config(config: Config) -> str:
    """Return `LR 1e-2, WD 1e-4`."""
    lr, decay = float(config.get("lr", 0)), float(config.get("weight_decay", 0))
    return f"LR {format_power(lr)}, WD {format_power(decay)}"


def _evidence(
    model: StudyModel,
    ranked: list[TrialModel],
    trials: list[TrialModel],
    metric: Metric,
) -> Evidence:
    best = ranked[0]
    return {
        "metric": metric.name,
        "best": rounded(best_value(model, best.trial, metric)),
        "lr": lr_of(best),
        "weight_decay": weight_decay_of(best),
        "ranked": [trial.trial for trial in ranked],
        "trials": len(trials),
    }


def _judge_unranked(
    model: StudyModel, run: StepRun, trials: list[TrialModel], metric: Metric
) -> Judgement:
    worked = working(trials)
    if not worked:
        return judge_none_worked(model, run)
    names = sorted({n for t in worked for n in t.series if "/" not in n})
    broken = all(len(t.get(metric.name)) or len(t.get("loss")) for t in worked)
    finding = Finding(
        kind="metric_not_measured",
        severity=Severity.HIGH,
        confidence=Confidence.HIGH,
        summary=f"No trial has a finite {metric.name} to rank by.",
        evidence={"metric": metric.name, "measured": list(names)},
        advice=(
            Advice(
                text=f"Set metric in study.toml to a series there is: {', '.join(names)}."
            ),
            Advice(text="Loss not finite? Lower the LR.")
            if broken
            else Advice(text="Log the metric in the script."),
        ),
    )
    findings = (finding, *find_failed_trials(model, trials))
    return Judgement(
        verdict=verdict_from(findings),
        summary=finding.summary,
        evidence=finding.evidence,
        findings=findings,
        advice=advice_of(findings),
    )


def _find_no_validation(metric: Metric) -> Finding:
    return Finding(
        kind="no_validation_set",
        severity=Severity.MEDIUM,
        confidence=Confidence.HIGH,
        summary=(
            f"Trials are ranked by the {metric.label} on training data: "
            "nothing was measured on validation data."
        ),
        evidence={"metric": metric.name},
        advice=(
            Advice(text="Give the task a validation set: Task(…, val=…)."),
            Advice(text="In a loop of your own: run.log_validation({…})."),
        ),
    )
