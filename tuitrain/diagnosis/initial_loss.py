"""The loss before any update, compared with what theory expects."""

import math
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from tuitrain.diagnosis.expected_loss import (
    CONSTANT_OUTPUT,
    DECLARED,
    ExpectedLoss,
    implied_spread,
)
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
classes, the number of targets or one over these. Ours: means over ≥ 5 batches scatter by
far less."""

LEAST_FACTOR: Final = 4
"""Smaller factors name no reduction: a doubtful initialization looks the same."""

NEAR_ZERO: Final = 0.5
"""Share of the lower bound below which a negative log-likelihood speaks of raw scores.
Ours: those of torch's default initializations stay within a tenth of it."""

_CROSS_ENTROPIES: Final = ("cross_entropy", "nll")
_LOG_PROBABILITIES: Final = {"nll": "NLLLoss", "kl_div": "KLDivLoss"}
"""Kinds that take log-probabilities, with their names."""


class InitialLoss(msgspec.Struct, frozen=True, kw_only=True):
    """The measured loss, over all minibatches of all initializations."""

    mean: float
    """May be NaN or infinite."""
    error: float
    """Standard error of the mean, the larger of the one over minibatches and the one
    over initializations; NaN if the mean is not finite."""
    batches: int
    initializations: int
    at_least: float = -math.inf
    """What the mean of each single initialization surely exceeds, its minibatches'
    error allowed for: losses far too high differ so much between initializations that
    the error of their mean alone would excuse them."""


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
    error, at_least = math.nan, -math.inf
    if np.all(np.isfinite(pooled)):
        error = max(_standard_error(pooled), _standard_error(means))
        at_least = min(
            float(values.mean()) - ERRORS_ALLOWED * _standard_error(values)
            for values in measured
        )
    with np.errstate(invalid="ignore"):
        mean = float(pooled.mean())
    return InitialLoss(
        mean=mean,
        error=error,
        batches=len(pooled),
        initializations=len(measured),
        at_least=at_least,
    )


def find_initial_loss_mismatch(
    measured: InitialLoss,
    expected: ExpectedLoss,
    facts: LossFacts,
    *,
    is_mean: bool = False,
) -> Finding | None:
    """Compare the measured loss with the expected one, and name the likely fault.

    Args:
        measured: Over all minibatches.
        expected: By theory.
        facts: Of the loss.
        is_mean: Whether it is known to be a mean over the minibatch, so that a quotient
            that looks like another reduction is chance.

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
    sure_excess = max(measured.mean - margin, measured.at_least) - expected.value
    is_low = expected.lower is not None and measured.mean < expected.lower - margin
    if _lacks_log_softmax(measured, expected, facts, margin):
        return _without_log_softmax(measured, expected, facts, evidence)
    is_far = is_low or sure_excess > expected.bands[1]
    if not is_mean and (is_far or (expected.lower is None and excess < -margin)):
        quotient = _find_reduction(measured.mean, expected.value, facts)
        if quotient is not None:
            return _wrong_reduction(measured, expected, quotient, evidence)
    if is_low:
        return _too_low(measured, expected, evidence)
    severity = _severity_of(sure_excess, measured, expected, facts)
    if severity is None:
        return None
    return _too_high(measured, expected, facts, severity, evidence)


def compare(measured: InitialLoss, expected: ExpectedLoss) -> Evidence:
    """Return the numbers of the comparison, of a cross-entropy the logits' spread too."""
    evidence: Evidence = {
        "measured": rounded(measured.mean, 5),
        "expected": rounded(expected.value, 5),
        "formula": expected.formula,
        "formula_in_numbers": expected.shown,
        "lower_bound": rounded(expected.lower, 5),
        "standard_error": rounded(measured.error, 2),
        "batches": measured.batches,
        "initializations": measured.initializations,
    }
    factor = expected.logit_factor
    if factor is not None and factor > 0 and math.isfinite(measured.mean):
        spread = implied_spread((measured.mean - expected.value) / factor)
        evidence["implied_logit_spread"] = rounded(spread, 3)
    return evidence


def _standard_error(values: NDArray[np.float64]) -> float:
    if len(values) < 2:
        return 0.0
    return float(values.std(ddof=1)) / math.sqrt(len(values))


def _severity_of(
    excess: float, measured: InitialLoss, expected: ExpectedLoss, facts: LossFacts
) -> Severity | None:
    fine, remark, doubtful = expected.bands
    is_cross_entropy = facts.kind in _CROSS_ENTROPIES and facts.expected is None
    if excess <= fine:
        return None
    severity = Severity.LOW
    if excess > doubtful or (
        is_cross_entropy
        and measured.mean > TOO_HIGH_RATIO * expected.value
        and excess > remark
    ):
        severity = Severity.HIGH
    elif excess > remark:
        severity = Severity.MEDIUM
    milder = _soften(severity, expected)
    return None if milder is Severity.INFO else milder


def _soften(severity: Severity, expected: ExpectedLoss) -> Severity:
    return list(Severity)[max(0, severity.rank - expected.leniency)]


def _lacks_log_softmax(
    measured: InitialLoss, expected: ExpectedLoss, facts: LossFacts, margin: float
) -> bool:
    """Whether a loss on log-probabilities is what these can't give, or hardly.

    Raw scores near 0 give a likelihood near 0, far below the bound; a little below it is
    a pretrained model, or the chance of a minibatch.
    """
    if facts.kind not in _LOG_PROBABILITIES:
        return False
    if measured.mean < -margin:
        return True
    lower = None if facts.expected is not None else expected.lower
    if facts.kind != "nll" or lower is None:
        return False
    return measured.mean < min(NEAR_ZERO * lower, lower - margin)


def _find_reduction(
    measured: float, expected: float, facts: LossFacts
) -> tuple[str, float] | None:
    """Return which number the quotient is, and the quotient; None: none of those known."""
    if measured <= 0 or expected <= 0:
        return None
    quotient = measured / expected
    batch, positions = facts.batch_size, facts.positions
    counts = {
        "the batch size": batch,
        "the number of classes": facts.classes,
        "the number of targets a sample": positions,
        "the number of targets a minibatch": (
            batch * positions if batch and positions else None
        ),
    }
    known = {n: count for n, count in counts.items() if count and count >= LEAST_FACTOR}
    factors = {name: float(count) for name, count in known.items()}
    factors |= {f"one over {name}": 1 / count for name, count in known.items()}
    distances = {words: abs(quotient / factors[words] - 1) for words in factors}
    nearest = min(distances, key=distances.__getitem__, default=None)
    if nearest is None or distances[nearest] > SAME_RATIO:
        return None
    return nearest, quotient


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
    name = _LOG_PROBABILITIES[facts.kind or "nll"]
    on_softmax = (
        facts.kind == "nll"
        and facts.classes is not None
        and abs(measured.mean * facts.classes + 1) <= SAME_RATIO
    )
    given = "softmax probabilities" if on_softmax else "raw scores"
    if facts.kind == "kl_div":
        given = "something else"
    return Finding(
        kind="output_loss_mismatch",
        severity=Severity.CRITICAL,
        confidence=Confidence.HIGH,
        summary=(
            f"{name} starts at {format_number(measured.mean, 3)} instead of "
            f"{expected.shown} = {format_number(expected.value)}: it is given "
            f"{given} where it needs log-probabilities."
        ),
        evidence=evidence,
        advice=(
            Advice(text="Use nn.CrossEntropyLoss, which takes raw scores (logits)."),
            Advice(text=f"Or end the model with nn.LogSoftmax(dim=1) and keep {name}."),
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
        severity=_soften(Severity.HIGH, expected),
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
    bound = "the best that is possible without knowing the labels"
    if expected.formula in (DECLARED, CONSTANT_OUTPUT):
        bound = f"a tenth less than the {_named(expected)}"
    advice = [
        "Pretrained weights? Then this is right: overrule the verdict.",
        "Make sure that the labels are not part of the inputs.",
        "Make sure that the loss and its reduction are what you mean.",
    ]
    if expected.formula == CONSTANT_OUTPUT:
        advice.insert(
            0,
            "Outputs of 0 may not be undecided ones for this loss: then declare "
            "expected_initial_loss= in the task.",
        )
    return Finding(
        kind="initial_loss_mismatch",
        severity=_soften(Severity.MEDIUM, expected),
        confidence=Confidence.LOW if expected.leniency else Confidence.MEDIUM,
        summary=(
            f"The loss starts at {format_number(measured.mean)}, below "
            f"{format_number(expected.lower)}, {bound}."
        ),
        evidence=evidence,
        advice=tuple(Advice(text=text) for text in advice),
    )


def _named(expected: ExpectedLoss) -> str:
    return "declared value" if expected.formula == DECLARED else expected.formula


def _too_high(
    measured: InitialLoss,
    expected: ExpectedLoss,
    facts: LossFacts,
    severity: Severity,
    evidence: Evidence,
) -> Finding:
    words = {
        Severity.HIGH: "far above",
        Severity.MEDIUM: "well above",
    }.get(severity, "somewhat above")
    meaning = (
        "the untrained model is sure of wrong answers"
        if facts.classes and expected.formula not in (DECLARED, CONSTANT_OUTPUT)
        else "the untrained model's outputs are too large"
    )
    return Finding(
        kind="initial_loss_mismatch",
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
