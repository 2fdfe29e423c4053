"""Losses of numbers: what answering 0 costs on the targets seen."""

import math

import numpy as np
from numpy.typing import NDArray

from tuitrain.diagnosis.expected.value import (
    Bands,
    ExpectedLoss,
    bands_of,
    normal_mean,
    relative_bands,
)
from tuitrain.events import LossFacts


def expect_mse(facts: LossFacts) -> ExpectedLoss | None:
    """MSELoss: the second moment of the targets."""
    moment, mean = facts.target_second_moment, facts.target_mean
    if moment is None or moment <= 0:
        return None
    lower = None if mean is None else max(0.0, moment - mean**2)
    constant = _constant_a_target(facts)
    if lower is not None and constant is not None:
        # Several outputs have a mean each, which the mean of all knows nothing of.
        lower = min(lower, constant)
    return ExpectedLoss(
        formula="E[y²]",
        shown="E[y²]",
        value=moment,
        lower=lower,
        # Outputs of spread s·rms(y), independent of y, add s²·E[y²].
        bands=bands_of(lambda spread: spread**2, moment),
    )


def _constant_a_target(facts: LossFacts) -> float | None:
    if facts.constant_loss is None or facts.reduction == "mean":
        return facts.constant_loss
    return facts.constant_loss / facts.counted if facts.counted else None


def expect_l1(facts: LossFacts) -> ExpectedLoss | None:
    """L1Loss: the mean absolute target."""
    mean_abs = facts.target_mean_abs
    if mean_abs is None or mean_abs <= 0:
        return None
    return ExpectedLoss(
        formula="E|y|",
        shown="E|y|",
        value=mean_abs,
        # The median does at least as well as the mean, so this bound is not strict.
        lower=None,
        bands=bands_of(lambda spread: math.sqrt(1 + spread**2) - 1, mean_abs),
    )


def expect_robust(facts: LossFacts) -> ExpectedLoss | None:
    """SmoothL1Loss and HuberLoss: no moment tells their value, so it was measured.

    A sum is measured as a sum: nothing is left to multiply it by.
    """
    value = facts.zero_output_loss
    if value is None or value <= 0:
        return None
    words = "E[smooth L1(y)]" if facts.kind == "smooth_l1" else "E[huber(y)]"
    return ExpectedLoss(
        formula=words,
        shown=words,
        value=value,
        lower=None,
        bands=_robust_bands(facts, value),
    )


def _robust_bands(facts: LossFacts, value: float) -> Bands:
    """Return by what outputs of spread s·rms(y) raise the loss.

    By the growth that targets would show if they were normal with the moments seen: a
    band need not be exact, and the value itself assumes no distribution.
    """
    moment, mean = facts.target_second_moment, facts.target_mean
    threshold = 1.0 if facts.threshold is None else facts.threshold
    if moment is None or mean is None or moment <= 0:
        return relative_bands(value)
    variance = max(0.0, moment - mean**2)

    def loss(errors: NDArray[np.float64]) -> NDArray[np.float64]:
        sizes = np.abs(errors)
        if threshold <= 0:
            return sizes
        return np.where(
            sizes < threshold, sizes**2 / (2 * threshold), sizes - threshold / 2
        )

    alone = normal_mean(loss, mean, math.sqrt(variance))

    def growth(spread: float) -> float:
        wide = math.sqrt(variance + spread**2 * moment)
        return normal_mean(loss, mean, wide) / alone - 1

    return bands_of(growth, value)


def expect_gaussian_nll(facts: LossFacts) -> ExpectedLoss | None:
    """GaussianNLLLoss at a fixed variance v: ½ (ln v + E[y²]/v), and ½ ln 2π if full.

    A variance that the model gives is in none of the facts.
    """
    moment, mean, variance = (
        facts.target_second_moment,
        facts.target_mean,
        facts.variance,
    )
    if moment is None or variance is None or variance <= 0:
        return None
    fixed = 0.5 * math.log(variance) + facts.constant_term
    lower = None
    if mean is not None and facts.positions is None:
        lower = fixed + max(0.0, moment - mean**2) / (2 * variance)
    formula, shown = "½ (ln v + E[y²]/v)", f"½ (ln {variance:g} + E[y²]/{variance:g})"
    if facts.constant_term:
        formula, shown = f"{formula} + ½ ln 2π", f"{shown} + ½ ln 2π"
    return ExpectedLoss(
        formula=formula,
        shown=shown,
        value=fixed + moment / (2 * variance),
        lower=lower,
        bands=bands_of(lambda spread: spread**2, max(moment, 1e-12) / (2 * variance)),
    )


def expect_poisson_nll(facts: LossFacts) -> ExpectedLoss | None:
    """PoissonNLLLoss: 1 at a rate of 1, whatever the targets; if full, Stirling's term.

    A model that gives the rate itself starts near 1, too, whether softplus or exp makes
    it of an output of 0; but only near, so it is judged milder.
    """
    mean = facts.target_mean
    if mean is None or mean < 0:
        return None
    lower = None
    if mean > 0 and facts.positions is None:
        lower = mean - mean * math.log(mean) + facts.constant_term
    formula = "1 + E[ln y!]" if facts.constant_term else "1"
    return ExpectedLoss(
        formula=formula,
        shown=formula,
        value=1.0 + facts.constant_term,
        lower=lower,
        # Log-rates of spread s have a mean rate of exp(s²/2), and all of them too low
        # by s cost s·E[y]: with counts in the hundreds that is the larger part.
        bands=bands_of(lambda spread: math.expm1(spread**2 / 2) + spread * mean),
        leniency=0 if facts.log_input else 1,
    )
