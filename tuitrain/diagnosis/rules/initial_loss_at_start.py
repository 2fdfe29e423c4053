"""The first loss of a training, where the first step did not look before."""

from typing import Final

from tuitrain.diagnosis.curves import Curves
from tuitrain.diagnosis.expected_loss import expected_initial_loss
from tuitrain.diagnosis.initial_loss import (
    find_initial_loss_mismatch,
    measure_initial_loss,
)
from tuitrain.events import Finding, Severity

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
    seen = curves.inspection
    ratio = seen.batch_loss_ratio if seen is not None else None
    is_mean = ratio is not None and abs(ratio - 1) < IS_MEAN
    found = find_initial_loss_mismatch(measured, expected, facts, is_mean=is_mean)
    if found is None or found.severity.rank < Severity.HIGH.rank:
        return None
    return found
