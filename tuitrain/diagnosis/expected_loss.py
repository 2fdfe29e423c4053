"""What the loss should be before any update, for each loss function whose facts are known.

All formulas assume outputs near 0, which is what a sensible initialization gives.
They were compared with torch's own losses on zero outputs, see
`tests/unit/diagnosis/test_expected_loss.py`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import msgspec
import numpy as np

from tuitrain.events import LossFacts

SPREADS: Final = (0.5, 1.0, 2.0)
"""Standard deviation of the outputs at initialization that is unremarkable up to the
first, worth a warning above the second and wrong above the third. Ours: torch's default
initializations stay below 0.2, a Kaiming-normal output layer is at about 1.3, and from 2
on the first updates do nothing but shrink the outputs."""

CROSS_ENTROPY_BANDS: Final = (0.125, 0.5, 2.0)
"""Excess over ln C that outputs of these `SPREADS` cause: s²/2, the limit for many
classes (second-order expansion of log-sum-exp of normal outputs)."""

DECLARED_BANDS: Final = (0.1, 0.25, 1.0)
"""For a value that the script declared: relative deviation up to which it is met,
met with a remark, and doubtful. Ours: the declared value is exact or it is of no use;
TheDeepChecker (Braiek & Khomh 2023, arXiv:2204.00694) draws its line at 1.0."""


@dataclass(frozen=True, kw_only=True)
class ExpectedLoss:
    """What theory says of the loss at initialization."""

    formula: str
    """As people write it: `ln C`."""
    shown: str
    """The same with this task's numbers: `ln 10`."""
    value: float
    lower: float | None
    """The best that is possible without looking at the inputs; below it something knows
    the labels. None: nothing is known."""
    bands: tuple[float, float, float]
    """Excess over `value`: fine up to the first, a remark up to the second, a warning up
    to the third, wrong above it; without the measurement's own error."""


def expected_initial_loss(facts: LossFacts) -> ExpectedLoss | None:
    """Return what the loss should be before any update; None: not known, never guessed.

    A value declared by the script goes before any formula.
    """
    if facts.expected is not None:
        return _declared(facts.expected)
    rule = _RULES.get(facts.kind or "")
    expected = rule(facts) if rule else None
    if expected is None or facts.reduction != "sum":
        return expected
    return _summed(expected, facts.batch_size)


def implied_spread(excess: float) -> float:
    """Return the standard deviation of the logits that an excess over ln C speaks of.

    Source:
        log-sum-exp of normal logits to second order: excess = s²/2 (1 - 1/C).
    """
    return math.sqrt(2 * max(0.0, excess))


def entropy(shares: Sequence[float]) -> float:
    """Return the entropy of a distribution in nats; what is not positive adds nothing."""
    total = sum(share for share in shares if share > 0)
    return sum(-p / total * math.log(p / total) for p in shares if p > 0)


def _declared(value: float) -> ExpectedLoss:
    scale = abs(value) or 1.0
    first, second, third = DECLARED_BANDS
    return ExpectedLoss(
        formula="declared",
        shown="declared",
        value=value,
        lower=value - first * scale,
        bands=(first * scale, second * scale, third * scale),
    )


def _summed(expected: ExpectedLoss, batch: int | None) -> ExpectedLoss | None:
    if batch is None:
        return None
    first, second, third = expected.bands
    return ExpectedLoss(
        formula=f"B · ({expected.formula})",
        shown=f"{batch} · ({expected.shown})",
        value=batch * expected.value,
        lower=None if expected.lower is None else batch * expected.lower,
        bands=(batch * first, batch * second, batch * third),
    )


def _cross_entropy(facts: LossFacts) -> ExpectedLoss | None:
    classes = facts.classes
    if classes is None or classes < 2:
        return None
    factor = _weight_factor(facts, classes)
    if factor is None:
        return None
    plain = math.isclose(factor, 1.0, rel_tol=1e-9)
    if plain:
        formula, shown = "ln C", f"ln {classes}"
    else:
        formula, shown = "ln C · weights", f"ln {classes} · {factor:.3g}"
    first, second, third = CROSS_ENTROPY_BANDS
    return ExpectedLoss(
        formula=formula,
        shown=shown,
        value=factor * math.log(classes),
        lower=_cross_entropy_floor(facts, classes, factor),
        bands=(factor * first, factor * second, factor * third),
    )


def _weight_factor(facts: LossFacts, classes: int) -> float | None:
    """Return by what class weights and smoothing together multiply ln C.

    With `reduction="mean"` torch divides by the weights of the labels seen, so weights
    alone cancel; the smoothing term counts the weights of all classes.
    """
    weights = facts.class_weights
    if weights is None:
        return 1.0
    if len(weights) != classes or facts.priors is None or len(facts.priors) != classes:
        return 1.0 if facts.reduction == "mean" and not facts.label_smoothing else None
    seen = sum(p * w for p, w in zip(facts.priors, weights, strict=True))
    everywhere = sum(weights) / classes
    smoothing = facts.label_smoothing
    if seen <= 0:
        return None
    if facts.reduction == "mean":
        return (1 - smoothing) + smoothing * everywhere / seen
    return (1 - smoothing) * seen + smoothing * everywhere


def _cross_entropy_floor(facts: LossFacts, classes: int, factor: float) -> float | None:
    priors = facts.priors
    if priors is None or len(priors) != classes:
        return None
    weights = facts.class_weights or [1.0] * classes
    if len(weights) != classes:
        return None
    smoothing = facts.label_smoothing
    masses = [
        (1 - smoothing) * p * w + smoothing * w / classes
        for p, w in zip(priors, weights, strict=True)
    ]
    return factor * entropy(masses)


def _binary(facts: LossFacts) -> ExpectedLoss | None:
    share = facts.priors[0] if facts.priors else None
    weights = facts.pos_weights
    if not weights:
        return ExpectedLoss(
            formula="ln 2",
            shown="ln 2",
            value=math.log(2),
            lower=None if share is None else entropy([share, 1 - share]),
            bands=_scaled(1.0, _softplus_excess),
        )
    if share is None:
        return None
    weight = sum(weights) / len(weights)
    factor = weight * share + 1 - share
    return ExpectedLoss(
        formula="ln 2 · (w·π + 1 − π)",
        shown=f"ln 2 · {factor:.3g}",
        value=factor * math.log(2),
        lower=factor * entropy([weight * share, 1 - share]),
        bands=_scaled(factor, _softplus_excess),
    )


def _multi_margin(facts: LossFacts) -> ExpectedLoss | None:
    classes, margin, power = facts.classes, facts.margin, facts.power
    if classes is None or classes < 2:
        return None
    scale = (classes - 1) / classes
    formula = "(C − 1)/C"
    shown = f"{classes - 1}/{classes}"
    if margin != 1.0:
        formula = f"mᵖ · {formula}"
        shown = f"{margin:g}^{power} · {shown}"
    if facts.class_weights is not None:
        seen = _weights_seen(facts)
        if seen is None:
            return None
        scale *= seen
        formula, shown = f"{formula} · w̄", f"{shown} · {seen:.3g}"
    return ExpectedLoss(
        formula=formula,
        shown=shown,
        value=margin**power * scale,
        lower=None,
        bands=_scaled(scale, lambda spread: _hinge_excess(spread, margin, power)),
    )


def _weights_seen(facts: LossFacts) -> float | None:
    weights, priors = facts.class_weights, facts.priors
    if weights is None or priors is None or len(weights) != len(priors):
        return None
    return sum(p * w for p, w in zip(priors, weights, strict=True))


def _mse(facts: LossFacts) -> ExpectedLoss | None:
    moment, mean = facts.target_second_moment, facts.target_mean
    if moment is None or moment <= 0:
        return None
    return ExpectedLoss(
        formula="E[y²]",
        shown="E[y²]",
        value=moment,
        lower=None if mean is None else max(0.0, moment - mean**2),
        # Outputs of spread s·rms(y), independent of y, add s²·E[y²].
        bands=_scaled(moment, lambda spread: spread**2),
    )


def _l1(facts: LossFacts) -> ExpectedLoss | None:
    mean_abs = facts.target_mean_abs
    if mean_abs is None or mean_abs <= 0:
        return None
    return ExpectedLoss(
        formula="E|y|",
        shown="E|y|",
        value=mean_abs,
        # The median does at least as well as the mean, so this bound is not strict.
        lower=None,
        bands=_scaled(mean_abs, lambda spread: math.sqrt(1 + spread**2) - 1),
    )


def _scaled(
    factor: float, excess: Callable[[float], float]
) -> tuple[float, float, float]:
    first, second, third = (factor * excess(spread) for spread in SPREADS)
    return first, second, third


@lru_cache(maxsize=8)
def _softplus_excess(spread: float) -> float:
    """Return E[softplus(s·Z)] - ln 2 for standard normal Z, by quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    mean = np.sum(weights * np.logaddexp(0.0, spread * nodes)) / math.sqrt(2 * math.pi)
    return float(mean) - math.log(2)


def _hinge_excess(spread: float, margin: float, power: int) -> float:
    """Return E[max(0, m + a·Z)^p] - m^p with a = s√2, the spread of a difference."""
    width = math.sqrt(2) * spread
    at = margin / width
    below = 0.5 * (1 + math.erf(at / math.sqrt(2)))
    density = math.exp(-at * at / 2) / math.sqrt(2 * math.pi)
    if power == 1:
        return margin * below + width * density - margin
    second = (margin**2 + width**2) * below + margin * width * density
    return second - margin**2


_RULES: Final[dict[str, Callable[[LossFacts], ExpectedLoss | None]]] = {
    "cross_entropy": _cross_entropy,
    "nll": _cross_entropy,
    "bce": _binary,
    "bce_with_logits": _binary,
    "multi_margin": _multi_margin,
    "mse": _mse,
    "l1": _l1,
}


def chance_loss(facts: LossFacts) -> float | None:
    """Return the loss of a model that knows how often each target occurs, and no more.

    None: it can't be worked out. A declared initial loss says nothing about it.
    """
    expected = expected_initial_loss(msgspec.structs.replace(facts, expected=None))
    return None if expected is None else expected.lower
