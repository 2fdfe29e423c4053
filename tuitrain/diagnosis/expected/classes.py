"""Losses of a model with one output a class: all classes alike at outputs of 0."""

import math
from collections.abc import Sequence
from typing import Final

from tuitrain.diagnosis.expected.value import (
    Bands,
    ExpectedLoss,
    bands_of,
    entropy,
    hinge_excess,
)
from tuitrain.events import LossFacts

CROSS_ENTROPY_BANDS: Final = (0.125, 0.5, 2.0)
"""Excess over ln C that outputs of `SPREADS` cause: s²/2, the limit for many classes
(second-order expansion of log-sum-exp of normal outputs)."""


def expect_cross_entropy(facts: LossFacts) -> ExpectedLoss | None:
    """CrossEntropyLoss on logits and NLLLoss on log-probabilities: ln C."""
    classes = facts.classes
    if classes is None or classes < 2:
        return None
    factor = _weight_factor(facts, classes)
    if factor is None:
        return None
    if math.isclose(factor, 1.0, rel_tol=1e-9):
        formula, shown = "ln C", f"ln {classes}"
    else:
        formula, shown = "ln C · weights", f"ln {classes} · {factor:.3g}"
    return ExpectedLoss(
        formula=formula,
        shown=shown,
        value=factor * math.log(classes),
        lower=_cross_entropy_floor(facts, classes, factor),
        bands=_cross_entropy_bands(factor),
        logit_factor=factor,
    )


def _weight_factor(facts: LossFacts, classes: int) -> float | None:
    """Return by what class weights and smoothing together multiply ln C.

    With `reduction="mean"` torch divides by the weights of the labels seen, so weights
    alone cancel; the smoothing term counts the weights of all classes. Of targets that
    are probabilities, torch divides by their number only.
    """
    weights = facts.class_weights
    if weights is None:
        return 1.0
    divides = facts.reduction == "mean" and not facts.soft_targets
    if len(weights) != classes or facts.priors is None or len(facts.priors) != classes:
        return 1.0 if divides and not facts.label_smoothing else None
    seen = sum(p * w for p, w in zip(facts.priors, weights, strict=True))
    everywhere = sum(weights) / classes
    smoothing = facts.label_smoothing
    if seen <= 0:
        return None
    if divides:
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


def _cross_entropy_bands(factor: float) -> Bands:
    first, second, third = CROSS_ENTROPY_BANDS
    return factor * first, factor * second, factor * third


def expect_multi_margin(facts: LossFacts) -> ExpectedLoss | None:
    """MultiMarginLoss: every wrong class misses by the margin, divided by C."""
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
        seen = _mean_weight(facts.class_weights, facts.priors)
        if seen is None:
            return None
        scale *= seen
        formula, shown = f"{formula} · w̄", f"{shown} · {seen:.3g}"
    return ExpectedLoss(
        formula=formula,
        shown=shown,
        value=margin**power * scale,
        lower=None,
        bands=bands_of(lambda spread: hinge_excess(spread, margin, power), scale),
    )


def _mean_weight(
    weights: Sequence[float], priors: Sequence[float] | None
) -> float | None:
    if priors is None or len(weights) != len(priors):
        return None
    return sum(p * w for p, w in zip(priors, weights, strict=True))


def expect_multi_label_margin(facts: LossFacts) -> ExpectedLoss | None:
    """MultiLabelMarginLoss: each pair of a true and a false label misses by 1."""
    classes, mean = facts.classes, facts.positives_mean
    square = facts.positives_second_moment
    if classes is None or mean is None or square is None:
        return None
    pairs = (classes * mean - square) / classes
    if pairs <= 0:
        return None
    return ExpectedLoss(
        formula="E[K (C − K)]/C",
        shown=f"E[K ({classes} − K)]/{classes}",
        value=pairs,
        lower=None,
        bands=bands_of(hinge_excess, pairs),
    )


def expect_kl_div(facts: LossFacts) -> ExpectedLoss | None:
    """KLDivLoss on log-probabilities: ln C less the entropy of the targets.

    `batchmean` divides by samples, `mean` by all values, so by C once more.
    """
    classes, known = facts.classes, facts.target_entropy
    if classes is None or classes < 2 or known is None:
        return None
    factor = {"mean": 1 / classes, "none": 1 / classes}.get(facts.reduction or "", 1.0)
    formula, shown = "ln C − H(q)", f"ln {classes} − {known:.3g}"
    if facts.reduction == "batchmean":
        factor = float(facts.positions or 1)
    if factor < 1:
        formula, shown = f"({formula})/C", f"({shown})/{classes}"
    elif factor > 1:
        formula, shown = f"T · ({formula})", f"{factor:g} · ({shown})"
    lower = None
    if facts.priors is not None and len(facts.priors) == classes:
        lower = factor * (entropy(facts.priors) - known)
    return ExpectedLoss(
        formula=formula,
        shown=shown,
        value=factor * (math.log(classes) - known),
        lower=lower,
        bands=_cross_entropy_bands(factor),
        logit_factor=factor,
    )
