"""The loss before any update, compared with what theory expects."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tuitrain.diagnosis.expected_loss import ExpectedLoss, implied_spread
from tuitrain.diagnosis.findings import rounded
from tuitrain.events import (
    Advice,
    Confidence,
    Evidence,
    Finding,
    LossFacts,
    Severity,
)
from tuitrain.units import format_number

ERRORS_ALLOWED: Final = 3.0
"""Standard errors by which the mean may miss: 0.3 % false alarms for a normal mean."""

TOO_HIGH_RATIO: Final = 2.0
"""Of the expected value, above which a cross-entropy is wrong whatever its excess.
Source: TheDeepChecker (Braiek & Khomh 2023, arXiv:2204.00694), its only criterion."""

SAME_RATIO: Final = 0.1
"""Relative distance within which a quotient counts as the batch size, the number of
classes or one over these. Ours: means over ≥ 5 batches scatter by far less."""

_CROSS_ENTROPIES: Final = ("cross_entropy", "nll")


@dataclass(frozen=True, kw_only=True)
class InitialLoss:
    """The measured loss, over all minibatches of all initializations."""

    mean: float
    """May be NaN or infinite."""
    error: float
    """Standard error of the mean, the larger of the one over minibatches and the one
    over initializations; NaN if the mean is not finite."""
    batches: int
    initializations: int


def measure_initial_loss(losses: Sequence[NDArray[np.float64]]) -> InitialLoss | None:
    """Average what the initializations measured; None: nothing was measured.

    Args:
        losses: One array an initialization, each of shape (minibatches,).
    """
    measured = [values for values in losses if len(values)]
    if not measured:
        return None
    pooled = np.concatenate(measured)
    means = np.array([values.mean() for values in measured])
    error = math.nan
    if np.all(np.isfinite(pooled)):
        error = max(_standard_error(pooled), _standard_error(means))
    with np.errstate(invalid="ignore"):
        mean = float(pooled.mean())
    return InitialLoss(
        mean=mean, error=error, batches=len(pooled), initializations=len(measured)
    )


def find_initial_loss_mismatch(
    measured: InitialLoss, expected: ExpectedLoss, facts: LossFacts
) -> Finding | None:
    """Compare the measured loss with the expected one, and name the likely fault.

    Returns:
        The finding: `critical` and `high` ones mean that something is broken, `medium`
        that it is doubtful, `low` a remark. None: the loss is what theory expects.

    Source:
        CS231n notes, "neural networks part 3": look for the correct loss at chance
        performance. Bands: `tuitrain.diagnosis.expected_loss`.
    """
    if not math.isfinite(measured.mean):
        return find_non_finite_initial_loss(measured)
    margin = ERRORS_ALLOWED * measured.error
    evidence = compare(measured, expected)
    excess = measured.mean - expected.value
    is_low = expected.lower is not None and measured.mean < expected.lower - margin
    if facts.kind == "nll" and (is_low or measured.mean < -margin):
        return _without_log_softmax(measured, expected, facts, evidence)
    if (is_low or excess > margin + expected.bands[1]) and (
        quotient := _find_reduction(measured.mean, expected.value, facts)
    ):
        return _wrong_reduction(measured, expected, quotient, evidence)
    if is_low:
        return _too_low(measured, expected, evidence)
    severity = _severity_of(excess - margin, measured, expected, facts)
    if severity is None:
        return None
    return _too_high(measured, expected, facts, severity, evidence)


def compare(measured: InitialLoss, expected: ExpectedLoss) -> Evidence:
    """Return the numbers of the comparison."""
    return {
        "measured": rounded(measured.mean, 5),
        "expected": rounded(expected.value, 5),
        "formula": expected.formula,
        "formula_in_numbers": expected.shown,
        "lower_bound": rounded(expected.lower, 5),
        "standard_error": rounded(measured.error, 2),
        "batches": measured.batches,
        "initializations": measured.initializations,
    }


def _standard_error(values: NDArray[np.float64]) -> float:
    if len(values) < 2:
        return 0.0
    return float(values.std(ddof=1)) / math.sqrt(len(values))


def _severity_of(
    excess: float, measured: InitialLoss, expected: ExpectedLoss, facts: LossFacts
) -> Severity | None:
    fine, remark, doubtful = expected.bands
    is_cross_entropy = facts.kind in _CROSS_ENTROPIES and facts.expected is None
    if excess > doubtful or (
        is_cross_entropy
        and measured.mean > TOO_HIGH_RATIO * expected.value
        and excess > remark
    ):
        return Severity.HIGH
    if excess > remark:
        return Severity.MEDIUM
    return Severity.LOW if excess > fine else None


def _find_reduction(
    measured: float, expected: float, facts: LossFacts
) -> tuple[str, float] | None:
    if measured <= 0 or expected <= 0:
        return None
    candidates = {
        "the batch size": facts.batch_size,
        "the number of classes": facts.classes,
    }
    for name, count in candidates.items():
        for words, factor in ((name, count), (f"one over {name}", 1 / (count or 1))):
            # A small factor says nothing: a doubtful initialization looks the same.
            if count is None or count < 4 or factor is None:
                continue
            if abs(measured / expected / factor - 1) <= SAME_RATIO:
                return words, measured / expected
    return None


def find_non_finite_initial_loss(measured: InitialLoss) -> Finding | None:
    """Find a loss that is NaN or infinite before any update; None: it is a number."""
    if math.isfinite(measured.mean):
        return None
    return Finding(
        kind="non_finite",
        severity=Severity.CRITICAL,
        confidence=Confidence.HIGH,
        summary=f"The loss is {format_number(measured.mean)} before any update.",
        evidence={
            "measured": rounded(measured.mean),
            "batches": measured.batches,
            "initializations": measured.initializations,
        },
        advice=(
            Advice(text="Look for NaN or infinite values in inputs and targets."),
            Advice(
                text="Look for log, division or exp of the model's output in the loss."
            ),
            Advice(
                text="With ignore_index: make sure that some target is not ignored."
            ),
        ),
    )


def _without_log_softmax(
    measured: InitialLoss,
    expected: ExpectedLoss,
    facts: LossFacts,
    evidence: Evidence,
) -> Finding:
    on_softmax = (
        facts.classes is not None
        and abs(measured.mean * facts.classes + 1) <= SAME_RATIO
    )
    given = "softmax probabilities" if on_softmax else "raw scores"
    return Finding(
        kind="missing_log_softmax",
        severity=Severity.CRITICAL,
        confidence=Confidence.HIGH,
        summary=(
            f"NLLLoss starts at {format_number(measured.mean, 3)} instead of "
            f"{expected.shown} = {format_number(expected.value)}: it is given "
            f"{given} where it needs log-probabilities."
        ),
        evidence=evidence,
        advice=(
            Advice(text="Use nn.CrossEntropyLoss, which takes raw scores (logits)."),
            Advice(text="Or end the model with nn.LogSoftmax(dim=1) and keep NLLLoss."),
        ),
    )


def _wrong_reduction(
    measured: InitialLoss,
    expected: ExpectedLoss,
    quotient: tuple[str, float],
    evidence: Evidence,
) -> Finding:
    words, ratio = quotient
    return Finding(
        kind="wrong_reduction",
        severity=Severity.HIGH,
        confidence=Confidence.MEDIUM,
        summary=(
            f"The loss starts at {format_number(measured.mean)}, that is "
            f"{format_number(ratio, 3)} times {expected.shown}: about {words}."
        ),
        evidence={**evidence, "ratio": rounded(ratio), "ratio_is": words},
        advice=(
            Advice(text='Use reduction="mean", and divide by nothing more yourself.'),
            Advice(
                text="If it is meant so, declare expected_initial_loss= in the task."
            ),
        ),
    )


def _too_low(
    measured: InitialLoss, expected: ExpectedLoss, evidence: Evidence
) -> Finding:
    return Finding(
        kind="initial_loss_too_low",
        severity=Severity.MEDIUM,
        confidence=Confidence.MEDIUM,
        summary=(
            f"The loss starts at {format_number(measured.mean)}, below "
            f"{format_number(expected.lower)}, the best that is possible without "
            "knowing the labels."
        ),
        evidence=evidence,
        advice=(
            Advice(
                text="Pretrained weights? Then this is right: overrule the verdict."
            ),
            Advice(text="Make sure that the labels are not part of the inputs."),
            Advice(text="Make sure that the loss and its reduction are what you mean."),
        ),
    )


def _too_high(
    measured: InitialLoss,
    expected: ExpectedLoss,
    facts: LossFacts,
    severity: Severity,
    evidence: Evidence,
) -> Finding:
    excess = measured.mean - expected.value
    if facts.kind in _CROSS_ENTROPIES and facts.expected is None:
        spread = implied_spread(
            excess / max(expected.value / _ln_classes(facts), 1e-12)
        )
        evidence = {**evidence, "implied_logit_spread": rounded(spread, 3)}
    words = {
        Severity.HIGH: "far above",
        Severity.MEDIUM: "well above",
    }.get(severity, "somewhat above")
    meaning = (
        "the untrained model is sure of wrong answers"
        if facts.classes
        else "the untrained model's outputs are too large"
    )
    return Finding(
        kind="initialization_too_large",
        severity=severity,
        confidence=Confidence.HIGH if severity is Severity.HIGH else Confidence.MEDIUM,
        summary=(
            f"The loss starts at {format_number(measured.mean)}, {words} "
            f"{expected.shown} = {format_number(expected.value)}: {meaning}."
        ),
        evidence=evidence,
        advice=(
            Advice(text="Initialize the weights smaller: torch's default, or Kaiming."),
            Advice(text="Scale the output layer down, for example by 0.1."),
            Advice(text="Normalize the inputs to mean 0 and standard deviation 1."),
            Advice(text="Make sure that the loss function gets what it asks for."),
        ),
    )


def _ln_classes(facts: LossFacts) -> float:
    return math.log(facts.classes) if facts.classes and facts.classes > 1 else 1.0
