"""An expected initial loss, and what all formulas share: bands, entropy, quadrature."""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

SPREADS: Final = (0.5, 1.0, 2.0)
"""Standard deviation of the outputs at initialization that is unremarkable up to the
first, worth a warning above the second and wrong above the third. Ours: torch's default
initializations stay below 0.2, a Kaiming-normal output layer is at about 1.3, and from 2
on the first updates do nothing but shrink the outputs."""

RELATIVE_BANDS: Final = (0.1, 0.25, 1.0)
"""For a value that comes without a formula: relative deviation up to which it is met,
met with a remark, and doubtful. Ours: a declared value is exact or it is of no use;
TheDeepChecker (Braiek & Khomh 2023, arXiv:2204.00694) draws its line at 1.0."""

Bands = tuple[float, float, float]


class ExpectedLoss(msgspec.Struct, frozen=True, kw_only=True):
    """What theory says of the loss at initialization."""

    formula: str
    """As people write it: `ln C`."""
    shown: str
    """The same with this task's numbers: `ln 10`."""
    value: float
    lower: float | None
    """The best that is possible without looking at the inputs; below it something knows
    the labels. None: nothing is known."""
    bands: Bands
    """Excess over `value`: fine up to the first, a remark up to the second, a warning up
    to the third, wrong above it; without the measurement's own error."""
    leniency: int = 0
    """Severities by which a deviation is judged milder: outputs of 0 may not be what
    this loss takes for undecided."""
    logit_factor: float | None = None
    """By what s²/2 of logits of spread s is multiplied in the loss; None: this is no
    cross-entropy, so its excess speaks of no spread."""


def times(expected: ExpectedLoss, count: float, symbol: str) -> ExpectedLoss:
    """Return the expected sum over so many terms, `symbol` being their number's name."""
    first, second, third = expected.bands
    factor = expected.logit_factor
    return replace(
        expected,
        formula=f"{symbol} · ({expected.formula})",
        shown=f"{count:g} · ({expected.shown})",
        value=count * expected.value,
        lower=None if expected.lower is None else count * expected.lower,
        bands=(count * first, count * second, count * third),
        logit_factor=None if factor is None else count * factor,
    )


def relative(value: float, words: str, *, leniency: int = 0) -> ExpectedLoss:
    """Return the expectation of a value that no formula stands behind."""
    scale = abs(value) or 1.0
    bands = relative_bands(scale)
    return ExpectedLoss(
        formula=words,
        shown=words,
        value=value,
        lower=value - bands[0],
        bands=bands,
        leniency=leniency,
    )


def relative_bands(scale: float) -> Bands:
    """Return `RELATIVE_BANDS` of a value of this size."""
    first, second, third = RELATIVE_BANDS
    return first * scale, second * scale, third * scale


def bands_of(excess: Callable[[float], float], factor: float = 1.0) -> Bands:
    """Return the bands that outputs of `SPREADS` cause, times `factor`."""
    first, second, third = (factor * excess(spread) for spread in SPREADS)
    return first, second, third


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


def normal_mean(
    function: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    mean: float,
    spread: float,
) -> float:
    """Return the mean of a function of a normal variable, by quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    total = np.sum(weights * function(mean + spread * nodes))
    return float(total) / math.sqrt(2 * math.pi)


@lru_cache(maxsize=8)
def softplus_excess(spread: float) -> float:
    """Return E[softplus(s·Z)] - ln 2 for standard normal Z."""
    return normal_mean(lambda x: np.logaddexp(0.0, x), 0.0, spread) - math.log(2)


def hinge_excess(spread: float, margin: float = 1.0, power: int = 1) -> float:
    """Return E[max(0, m + a·Z)^p] - m^p with a = s√2, the spread of a difference."""
    width = math.sqrt(2) * spread
    at = margin / width
    below = 0.5 * (1 + math.erf(at / math.sqrt(2)))
    density = math.exp(-at * at / 2) / math.sqrt(2 * math.pi)
    if power == 1:
        return margin * below + width * density - margin
    second = (margin**2 + width**2) * below + margin * width * density
    return second - margin**2
