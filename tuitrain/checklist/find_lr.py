"""Step 3: an LR that makes the loss go down on all training data."""

from typing import Final

from tuitrain.checklist.causes import find_causes
from tuitrain.checklist.failed_trials import find_failed_trials, judge_none_worked
from tuitrain.checklist.overfit_small import is_fitted
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
from tuitrain.checklist.transitions import newest_judged
from tuitrain.diagnosis import (
    FitFailure,
    Numbers,
    arrange,
    chance_loss,
    classify_fit_failure,
    drop,
    find_divergence,
    find_labels_without_signal,
    find_non_finite,
    finite,
    has_dropped,
    read_curves,
    rounded,
)
from tuitrain.events import (
    Advice,
    Confidence,
    Evidence,
    Finding,
    Severity,
    Step,
    TrialLimits,
)
from tuitrain.model import StepRun, StudyModel, TrialModel
from tuitrain.units import format_number, format_power

MAX_EXTENSIONS: Final = 2
"""Decades tried beyond the LRs asked for; more means that something else is wrong."""
SAME_END: Final = 0.05
"""Ends of two curves that differ by less, relative to the drop, count as the same; then
the larger LR is taken, since the loss falls as far in larger steps. Ours."""


def plan_find_lr(
    model: StudyModel, settings: Settings, run: StepRun
) -> tuple[TrialPlan, ...]:
    """One trial for each LR; the next decade once the best one is at an edge."""
    asked = settings.find_lr
    limits = TrialLimits(iterations=asked.iterations, schedule=False)
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
    """Pass when the loss falls by more than its noise at one LR, and take that.

    Where it can be known what chance reaches, the loss must fall below that: the first
    iterations bring any loss down to it, whatever the labels are.
    """
    trials = counted(model, run)
    worked = [trial for trial in working(trials) if len(trial.get("loss"))]
    if not worked:
        return judge_none_worked(model, run)
    best = pick_lr(worked)
    found = [
        *find_causes(model, worked),
        *_find_labels(model, worked),
        *find_failed_trials(model, trials),
    ]
    symptom = _find_none(worked) if best is None else _find_edge(worked, best)
    findings = arrange([*found, symptom] if symptom is not None else found)
    return Judgement(
        verdict=verdict_from(findings),
        summary=with_cause(_summary(worked, best), findings),
        evidence=_evidence(worked, best),
        findings=findings,
        advice=advice_of(findings),
        decision={"lr": lr_of(best or min(worked, key=lr_of))},
        best_trial=best.trial if best is not None else None,
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
    while len(wanted) < MAX_EXTENSIONS and asked.union(wanted) <= by_lr.keys():
        tried = [by_lr[lr] for lr in asked.union(wanted)]
        further = _next_decade(tried)
        if further is None or not all(trial.state.is_over for trial in tried):
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
            Advice(
                text="Try an LR beyond it.",
                change={
                    "lr": _rounded_lr(
                        lr_of(best) * (10 if lr_of(best) == lrs[-1] else 0.1)
                    )
                },
            ),
        ),
        trial=best.trial,
    )


def _find_labels(model: StudyModel, worked: list[TrialModel]) -> list[Finding]:
    """Find labels that no LR can learn, given that the model learned some in step 2."""
    small = newest_judged(model, Step.OVERFIT_SMALL)
    fits_small = small is not None and any(map(is_fitted, model.trials_of(small)))
    whole = [t for t in worked if find_non_finite(t.get("loss"), None) is None]
    found = [
        find_labels_without_signal(read_curves(model, t.trial), fits_small=fits_small)
        for t in whole
    ]
    if not found or None in found:
        return []
    ordered = [finding for finding in found if finding is not None]
    return [max(ordered, key=lambda finding: finding.severity.rank)]


def _find_none(worked: list[TrialModel]) -> Finding:
    failures = {classify_fit_failure(t.get("loss").values) for t in worked}
    if failures == {FitFailure.EXPLODED}:
        lowest = min(lr_of(trial) for trial in worked)
        return Finding(
            kind="loss_exploded",
            severity=Severity.CRITICAL,
            confidence=Confidence.HIGH,
            summary=f"The loss explodes at every LR, even at {format_power(lowest)}.",
            evidence=_outcomes(worked),
            advice=(
                Advice(
                    text="Try a lower LR; make sure that the script uses the one given.",
                    change={"lr": _rounded_lr(lowest / 10)},
                ),
                Advice(text="Normalize the inputs and check the initialization."),
                Advice(text="Clip the gradient norm, or warm the LR up."),
            ),
        )
    return Finding(
        kind="loss_not_decreasing",
        severity=Severity.HIGH,
        confidence=Confidence.HIGH,
        summary=(
            "At no LR does the loss fall by more than its noise "
            f"below chance: {_describe_fall(min(worked, key=_end))}."
        ),
        evidence=_outcomes(worked),
        advice=(
            Advice(text="Look at a few samples with their labels: do they fit?"),
            Advice(
                text="Allow three times as many iterations.",
                change={"iterations": 3 * max(t.iteration for t in worked)},
            ),
            Advice(text="Check the initialization, and that inputs are normalized."),
        ),
    )


def _summary(worked: list[TrialModel], best: TrialModel | None) -> str:
    if best is None:
        return f"no LR brings the loss down: {_describe_fall(min(worked, key=_end))}"
    return _describe_fall(best)


def _describe_fall(trial: TrialModel) -> str:
    fall = drop(finite(trial.get("loss").values))
    lr = f"LR {format_power(lr_of(trial))}"
    if fall is None:
        return f"{lr}: too few iterations"
    return f"{lr}: loss {format_number(fall.start, 3)} → {format_number(fall.end, 3)}"


def _end(trial: TrialModel) -> float:
    fall = drop(finite(trial.get("loss").values))
    return fall.end if fall is not None else float("inf")


def _evidence(worked: list[TrialModel], best: TrialModel | None) -> Evidence:
    fall = drop(finite(best.get("loss").values)) if best is not None else None
    if best is None or fall is None:
        return _outcomes(worked)
    return {
        "lr": lr_of(best),
        "start": rounded(fall.start),
        "end": rounded(fall.end),
        "drop": rounded(fall.size),
        "noise": rounded(fall.error, 2),
        "chance": rounded(chance_of(best)),
        **_outcomes(worked),
    }


def _outcomes(worked: list[TrialModel]) -> Evidence:
    ordered = sorted(worked, key=lr_of, reverse=True)
    return {
        "lrs": [lr_of(trial) for trial in ordered],
        "outcomes": [
            "falls" if falls_at(t) else _why_not(t.get("loss").values) for t in ordered
        ],
    }


def _why_not(loss: Numbers) -> str:
    failure = classify_fit_failure(loss)
    # Stuck is a word of step 2: here the loss fell, but only to what chance reaches.
    return "at chance" if failure is FitFailure.STUCK else str(failure)
