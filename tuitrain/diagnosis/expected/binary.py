"""Losses of yes-or-no questions: undecided at a logit of 0 or a probability of ½."""

import math
from collections.abc import Sequence

from tuitrain.diagnosis.expected.value import (
    ExpectedLoss,
    bands_of,
    entropy,
    softplus_excess,
)
from tuitrain.events import LossFacts


def expect_binary(facts: LossFacts) -> ExpectedLoss | None:
    """BCELoss, BCEWithLogitsLoss, SoftMarginLoss, MultiLabelSoftMarginLoss: ln 2.

    Whatever the prevalence; `pos_weight` multiplies the share of positives, `weight`
    each output. With the same weights for all outputs, one share of positives for all
    together is enough.
    """
    positives = _shortened(facts.pos_weights or [1.0])
    weights = _shortened(facts.class_weights or [1.0])
    shares = facts.output_priors or (facts.priors[:1] if facts.priors else [])
    tells_outputs = len(shares) > 1 or len(positives) == len(weights) == 1
    if facts.pos_weights and not (shares and tells_outputs):
        return None
    outputs = _rows(positives, weights, shares or [0.5])
    if outputs is None:
        return None
    factors = [w * (p * share + 1 - share) for p, w, share in outputs]
    factor = sum(factors) / len(factors)
    lower = None
    if shares and tells_outputs:
        floors = [
            of_one * entropy([p * share, 1 - share])
            for of_one, (p, _, share) in zip(factors, outputs, strict=True)
        ]
        lower = sum(floors) / len(floors)
    formula, shown = "ln 2", f"ln 2 · {factor:.3g}"
    if facts.pos_weights:
        formula = "ln 2 · (w·π + 1 − π)"
    elif not math.isclose(factor, 1.0, rel_tol=1e-9):
        formula = "ln 2 · w̄"
    else:
        shown = formula
    return ExpectedLoss(
        formula=formula,
        shown=shown,
        value=factor * math.log(2),
        lower=lower,
        bands=bands_of(softplus_excess, factor),
    )


def _rows(*columns: Sequence[float]) -> list[tuple[float, ...]] | None:
    """Return columns as rows, one an output; None: their lengths don't match."""
    length = max(len(each) for each in columns)
    if any(len(each) not in (1, length) for each in columns):
        return None
    full = [list(each) * (length // len(each)) for each in columns]
    return list(zip(*full, strict=True))


def _shortened(weights: Sequence[float]) -> Sequence[float]:
    return weights[:1] if len(set(weights)) == 1 else weights
