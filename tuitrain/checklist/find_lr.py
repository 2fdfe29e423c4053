"""Step 3: an LR that makes the loss go down on all training data."""

from typing import Final

from tuitrain.checklist.failed_trials import find_failed_trials, judge_none_worked
from tuitrain.checklist.plan import (
    Judgement,
    TrialPlan,
    advice_of,
    counted,
    lr_of,
    make_config,
    verdict_from,
    working,
)
from tuitrain.checklist.settings import Settings
from tuitrain.diagnosis import (
    FitFailure,
    chance_loss,
    classify_fit_failure,
    drop,
    find_divergence,
    find_loss_not_decreasing,
    find_non_finite,
    finite,
    has_dropped,
    rounded,
)
from tuitrain.events import (
    Advice,
    Confidence,
    Evidence,
    Finding,
    Severity,
    TrialLimits,
)
from tuitrain.model import StepRun, StudyModel, TrialModel
from tuitrain.units import format_number, format_power

MAX_EXTENSIONS: Final = 2
"""Decades tried beyond each edge of the LRs asked for; more means that something else
is wrong."""
SAME_END: Final = 0.05
"""Ends of two curves that differ by less, relative to the drop, count as the same; then
the larger LR is taken, since the loss falls as far in larger steps. Ours."""


def plan_find_lr(
    model: StudyModel, settings: Settings, run: StepRun
) -> tuple[TrialPlan, ...]:
    """One trial for each LR; the next decade once the best one is at an edge."""
    asked = settings.find_lr
    limits = TrialLimits(iterations=asked.iterations)
    lrs = [*asked.lrs, *_extensions(model, settings, run)]
    return tuple(
        TrialPlan(
            config=make_config(settings, lr, asked.weight_decay),
            limits=limits,
            seed=settings.seed,
        )
        for lr in lrs
    )


def judge_find_lr(model: StudyModel, settings: Settings, run: StepRun) -> Judgement:
    """Pass when the loss falls by more than its noise at one LR, and take that."""
    trials = counted(model, run)
    worked = [trial for trial in working(trials) if len(trial.get("loss"))]
    if not worked:
        return judge_none_worked(model, run)
    findings = list(find_failed_trials(trials))
    best = pick_lr(worked)
    if best is None:
        findings.insert(0, _find_none(worked))
        return Judgement(
            verdict=verdict_from(findings),
            summary=findings[0].summary,
            evidence=_evidence(worked, None),
            findings=tuple(findings),
            advice=advice_of(findings),
            decision={"lr": min(lr_of(trial) for trial in worked)},
        )
    if (edge := _find_edge(worked, best)) is not None:
        findings.append(edge)
    fall = drop(finite(best.get("loss").values))
    assert fall is not None, "a trial without a drop is never picked"
    return Judgement(
        verdict=verdict_from(findings),
        summary=(
            f"LR {format_power(lr_of(best))}: loss {format_number(fall.start, 3)} "
            f"→ {format_number(fall.end, 3)}"
        ),
        evidence=_evidence(worked, best),
        findings=tuple(findings),
        advice=advice_of(findings),
        decision={"lr": lr_of(best)},
        best_trial=best.trial,
    )


def pick_lr(trials: list[TrialModel]) -> TrialModel | None:
    """Return the trial whose LR is taken; None: the loss comes down at none.

    The lowest end wins (median of the last fifth); among ends that are nearly the same
    the largest LR does.
    """
    falls = {t.trial: drop(finite(t.get("loss").values)) for t in trials if falls_at(t)}
    ends = {trial: fall.end for trial, fall in falls.items() if fall is not None}
    if not ends:
        return None
    lowest = min(ends.values())
    highest_start = max(fall.start for fall in falls.values() if fall is not None)
    near = lowest + SAME_END * max(0.0, highest_start - lowest)
    return max((t for t in trials if ends.get(t.trial, near + 1) <= near), key=lr_of)


def falls_at(trial: TrialModel) -> bool:
    """Whether the loss comes down by more than its noise, and stays a number."""
    loss = trial.get("loss")
    return (
        find_non_finite(loss, None) is None
        and find_divergence(loss.values, None) is None
        and has_dropped(loss.values, chance_of(trial))
    )


def chance_of(trial: TrialModel) -> float | None:
    """Return the loss of knowing how often each label occurs; None: not known."""
    return chance_loss(trial.task.loss) if trial.task is not None else None


def _extensions(model: StudyModel, settings: Settings, run: StepRun) -> list[float]:
    """Return LRs beyond the edges, as far as the trials so far ask for them."""
    asked = set(settings.find_lr.lrs)
    trials = model.trials_of(run)
    by_lr = {lr_of(trial): trial for trial in trials}
    wanted: list[float] = []
    while asked.union(wanted) <= by_lr.keys():
        tried = [by_lr[lr] for lr in asked.union(wanted)]
        if not all(trial.state.is_over for trial in tried):
            break
        further = _next_decade(tried)
        beyond = [
            lr for lr in wanted if (lr > max(asked)) == ((further or 0) > max(asked))
        ]
        if (
            further is None
            or further in by_lr.keys() & asked
            or len(beyond) >= MAX_EXTENSIONS
        ):
            break
        wanted.append(further)
    return wanted


def _next_decade(tried: list[TrialModel]) -> float | None:
    worked = [trial for trial in working(tried) if len(trial.get("loss"))]
    if not worked:
        return None
    lrs = sorted(lr_of(trial) for trial in tried)
    best = pick_lr(worked)
    if best is not None:
        if lr_of(best) == lrs[-1]:
            return _rounded_lr(lrs[-1] * 10)
        return _rounded_lr(lrs[0] / 10) if lr_of(best) == lrs[0] else None
    lowest = min(worked, key=lr_of)
    if classify_fit_failure(lowest.get("loss").values) is FitFailure.EXPLODED:
        return _rounded_lr(lrs[0] / 10)
    return None


def _rounded_lr(lr: float) -> float:
    return float(f"{lr:.3g}")


def _find_edge(worked: list[TrialModel], best: TrialModel) -> Finding | None:
    lrs = sorted(lr_of(trial) for trial in worked)
    if len(lrs) < 2 or lr_of(best) not in (lrs[0], lrs[-1]):
        return None
    edge = "highest" if lr_of(best) == lrs[-1] else "lowest"
    return Finding(
        kind="lr_at_edge",
        severity=Severity.MEDIUM,
        confidence=Confidence.HIGH,
        summary=(
            f"The best LR, {format_power(lr_of(best))}, is the {edge} one tried: "
            "the true best may lie beyond."
        ),
        evidence={"lr": lr_of(best), "tried": [float(lr) for lr in lrs]},
        advice=(
            Advice(text="Make sure that the script uses the LR as it is given."),
            Advice(text="Try LRs beyond it: [find_lr] lrs in study.toml."),
        ),
        trial=best.trial,
    )


def _find_none(worked: list[TrialModel]) -> Finding:
    failures = {classify_fit_failure(t.get("loss").values) for t in worked}
    if failures == {FitFailure.EXPLODED}:
        lowest = min(lr_of(trial) for trial in worked)
        return Finding(
            kind="loss_exploded",
            severity=Severity.CRITICAL,
            confidence=Confidence.HIGH,
            summary=f"The loss explodes at every LR, even at {format_power(lowest)}.",
            evidence=_evidence(worked, None),
            advice=(
                Advice(text="Lower the LR: make sure the script uses the one given."),
                Advice(text="Normalize the inputs and check the initialization."),
                Advice(text="Clip the gradient norm, or warm the LR up."),
            ),
        )
    flat = [
        find_loss_not_decreasing(t.get("loss").values, chance_of(t)) for t in worked
    ]
    first = next((finding for finding in flat if finding is not None), None)
    return Finding(
        kind="loss_not_decreasing",
        severity=Severity.HIGH,
        confidence=Confidence.HIGH,
        summary=f"At no LR does the loss fall by more than its noise: {_short(worked)}.",
        evidence=_evidence(worked, None),
        advice=first.advice if first is not None else (),
    )


def _short(worked: list[TrialModel]) -> str:
    best = min(worked, key=lambda t: _end(t))
    fall = drop(finite(best.get("loss").values))
    if fall is None:
        return "too few iterations"
    return (
        f"{format_number(fall.start, 3)} → {format_number(fall.end, 3)} "
        f"at LR {format_power(lr_of(best))}"
    )


def _end(trial: TrialModel) -> float:
    fall = drop(finite(trial.get("loss").values))
    return fall.end if fall is not None else float("inf")


def _evidence(worked: list[TrialModel], best: TrialModel | None) -> Evidence:
    evidence: Evidence = {}
    if best is not None:
        fall = drop(finite(best.get("loss").values))
        assert fall is not None, "a trial without a drop is never picked"
        evidence.update(
            lr=lr_of(best),
            start=rounded(fall.start),
            end=rounded(fall.end),
            drop=rounded(fall.size),
            noise=rounded(fall.error, 2),
        )
        evidence["chance"] = rounded(chance_of(best))
    for trial in sorted(worked, key=lr_of, reverse=True):
        outcome = (
            "falls"
            if falls_at(trial)
            else classify_fit_failure(trial.get("loss").values)
        )
        evidence[f"lr {format_power(lr_of(trial))}"] = str(outcome)
    return evidence
