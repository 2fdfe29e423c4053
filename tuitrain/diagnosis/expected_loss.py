"""What the loss should be before any update, for each loss function whose facts are known.

All formulas assume outputs near 0, which is what a sensible initialization gives.
They were compared with torch's own losses on zero outputs, see
`tests/unit/diagnosis/test_expected_loss.py`.
"""

import math
from collections.abc import Callable
from typing import Final

from tuitrain.diagnosis.expected.binary import expect_binary
from tuitrain.diagnosis.expected.classes import (
    expect_cross_entropy,
    expect_kl_div,
    expect_multi_label_margin,
    expect_multi_margin,
)
from tuitrain.diagnosis.expected.regression import (
    expect_gaussian_nll,
    expect_l1,
    expect_mse,
    expect_poisson_nll,
    expect_robust,
)
from tuitrain.diagnosis.expected.several import (
    ctc_at_uniform,
    expect_cosine_embedding,
    expect_hinge_embedding,
    expect_margin_ranking,
    expect_triplet,
)
from tuitrain.diagnosis.expected.value import (
    ExpectedLoss,
    entropy,
    implied_spread,
    relative,
    times,
)
from tuitrain.events import LossFacts

__all__ = [
    "CONSTANT_OUTPUT",
    "DECLARED",
    "ExpectedLoss",
    "chance_loss",
    "ctc_at_uniform",
    "entropy",
    "expected_initial_loss",
    "implied_spread",
]

DECLARED: Final = "declared"
"""Formula of a value that comes from the script."""
CONSTANT_OUTPUT: Final = "loss at constant output"
"""Formula of a value that was measured with zeros in the place of the outputs."""
LEAST_MEASURED: Final = 1e-8
"""A smaller loss at outputs of 0 is no yardstick: bands relative to it have no width."""

_RULES: Final[dict[str, Callable[[LossFacts], ExpectedLoss | None]]] = {
    "cross_entropy": expect_cross_entropy,
    "nll": expect_cross_entropy,
    "kl_div": expect_kl_div,
    "bce": expect_binary,
    "bce_with_logits": expect_binary,
    "soft_margin": expect_binary,
    "multi_label_soft_margin": expect_binary,
    "multi_margin": expect_multi_margin,
    "multi_label_margin": expect_multi_label_margin,
    "mse": expect_mse,
    "l1": expect_l1,
    "smooth_l1": expect_robust,
    "huber": expect_robust,
    "gaussian_nll": expect_gaussian_nll,
    "poisson_nll": expect_poisson_nll,
    "triplet_margin": expect_triplet,
    "margin_ranking": expect_margin_ranking,
    "cosine_embedding": expect_cosine_embedding,
    "hinge_embedding": expect_hinge_embedding,
}
_REDUCED_ALREADY: Final = frozenset({"smooth_l1", "huber"})
"""Kinds whose value was measured, so that it is a sum if the criterion sums."""
_NOT_NEUTRAL_AT_ZERO: Final = frozenset(
    {
        "nll",
        "bce",
        "kl_div",
        "ctc",
        "poisson_nll",
        "cosine_embedding",
        "hinge_embedding",
    }
)
"""Kinds for which outputs of 0 are not those of an undecided model."""


def expected_initial_loss(facts: LossFacts) -> ExpectedLoss | None:
    """Return what the loss should be before any update; None: not known, never guessed.

    A value declared by the script goes before any formula, and a formula before what
    was measured with outputs of 0.
    """
    if facts.expected is not None:
        return relative(facts.expected, DECLARED)
    return _by_formula(facts) or _at_constant_output(facts)


def chance_loss(facts: LossFacts) -> float | None:
    """Return the loss of a model that knows how often each target occurs, and no more.

    None: it can't be worked out. A declared initial loss says nothing about it, nor does
    one that was measured.
    """
    expected = _by_formula(facts)
    return None if expected is None else expected.lower


def _by_formula(facts: LossFacts) -> ExpectedLoss | None:
    rule = _RULES.get(facts.kind or "")
    expected = rule(facts) if rule else None
    is_sum = facts.reduction == "sum" and facts.kind not in _REDUCED_ALREADY
    if expected is None or not is_sum:
        return expected
    count = facts.batch_size if facts.counted is None else facts.counted
    if count is None:
        return None
    return times(expected, count, "B" if count == facts.batch_size else "N")


def _at_constant_output(facts: LossFacts) -> ExpectedLoss | None:
    """Judge by what the criterion itself gives for zeros, one severity milder.

    Zeros need not be what an unknown loss takes for undecided.
    """
    value = facts.zero_output_loss
    if value is None or facts.kind in _NOT_NEUTRAL_AT_ZERO:
        return None
    if not math.isfinite(value) or abs(value) < LEAST_MEASURED:
        return None
    return relative(value, CONSTANT_OUTPUT, leniency=1)
