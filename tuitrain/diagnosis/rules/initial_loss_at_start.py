"""The first loss of a training, where the first step did not look before."""

import math
from typing import Final

import numpy as np
from msgspec.structs import replace

from tuitrain.diagnosis.curves import Curves
from tuitrain.diagnosis.expected.value import SPREADS
from tuitrain.diagnosis.expected_loss import expected_initial_loss
from tuitrain.diagnosis.initial_loss import (
    find_initial_loss_mismatch,
    measure_initial_loss,
)
from tuitrain.events import Finding, LossFacts, Severity

MOSTLY_OWN: Final = 0.7
"""Standard deviation of outputs over their root mean square from which half of the latter
is of the sample and not the same for all."""
IS_MEAN: Final = 0.3
"""How far the loss of a minibatch may be from the mean of its halves'. Ours: halves differ,
and a sum would be at twice the mean."""


def find_initial_loss_at_start(curves: Curves) -> Finding | None:
    """Compare the loss of the very first minibatch with what theory expects.

    One minibatch scatters, so only what is plainly wrong counts; the step that measures
    the initial loss takes several.

    Returns:
        The finding, `high` or `critical`; None: the loss is about right, or no formula
        knows it.
    """
    facts = curves.facts
    if facts is None or not len(curves.loss) or curves.loss.iterations[0] != 1:
        return None
    expected = expected_initial_loss(facts)
    measured = measure_initial_loss([curves.loss.values[:1]])
    if expected is None or measured is None:
        return None
    # One minibatch says nothing of its own error.
    measured = replace(measured, error=_error_of_one(facts), at_least=-math.inf)
    seen = curves.inspection
    ratio = seen.batch_loss_ratio if seen is not None else None
    is_mean = ratio is not None and abs(ratio - 1) < IS_MEAN
    found = find_initial_loss_mismatch(measured, expected, facts, is_mean=is_mean)
    if found is None or found.severity.rank < Severity.HIGH.rank:
        return None
    excess = float(curves.loss.values[0]) - expected.value
    return None if excess < _excess_of_offset(curves) else found


def _excess_of_offset(curves: Curves) -> float:
    """Return what an output that is much the same for all samples may cost at first.

    Of a question with a rare answer it costs in proportion to its size, if it is on the
    wrong side, and does not cancel out as that of outputs on both sides does. 0: outputs
    differ between samples, or there is not one question.
    """
    facts, seen = curves.facts, curves.inspection
    if facts is None or facts.kind != "bce_with_logits" or facts.pos_weights:
        return 0.0
    if seen is None or seen.output_spread is None or len(facts.priors or []) != 1:
        return 0.0
    if seen.output_spread >= MOSTLY_OWN:
        return 0.0
    prior = (facts.priors or [0.5])[0]
    wrong = SPREADS[2]
    return math.log1p(math.exp(wrong)) - math.log(2) - wrong * min(prior, 1 - prior)


def _error_of_one(facts: LossFacts) -> float:
    """Return how far the loss of one minibatch is from the mean, by what is drawn into it.

    That of outputs of 0: answers that count more than others with `pos_weight`, and
    targets far from 0, taken as normal. 0: all samples cost the same, or it isn't known.
    """
    samples = facts.batch_size or 1
    if facts.kind == "bce_with_logits" and facts.priors and facts.pos_weights:
        priors, weights = np.array(facts.priors), np.array(facts.pos_weights)
        if len(weights) not in (1, len(priors)):
            return 0.0
        spread = math.log(2) * (weights - 1)
        variance = float(np.mean(spread**2 * priors * (1 - priors)))
        return math.sqrt(variance / (samples * len(priors)))
    if facts.kind == "mse" and facts.reduction == "mean" and facts.target_second_moment:
        count = samples * (facts.outputs or 1)
        return math.sqrt(2 / count) * facts.target_second_moment
    return 0.0
