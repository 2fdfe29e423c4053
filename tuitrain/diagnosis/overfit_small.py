"""A model that can't fit a handful of minibatches: which of three ways it fails."""

from enum import StrEnum
from typing import Final

from tuitrain.diagnosis.numerics import Numbers, finite, start_of
from tuitrain.diagnosis.rules.divergence import find_divergence
from tuitrain.diagnosis.rules.loss_not_decreasing import has_dropped

EXPLODED_PEAK: Final = 2.0
"""Highest over starting loss: a loss that jumped so high and never came below its start
again was thrown off, however flat it is now. Ours."""
SPIKE_PEAK: Final = 10.0
"""Highest over starting loss that tells of an explosion even if the loss came down
again without fitting. Ours."""


class FitFailure(StrEnum):
    """How a trial of step 2 failed."""

    EXPLODED = "exploded"
    """NaN, infinite or grown."""
    NOT_DECREASING = "not decreasing"
    STUCK = "stuck"
    """The loss came down, but not to a fit."""


def classify_fit_failure(loss: Numbers) -> FitFailure:
    """Say how a trial that did not fit failed.

    Args:
        loss: Training loss, one value an iteration, non-finite ones included.

    Source:
        CS231n lecture notes, the recipe's step "overfit a small sample": not going down
        is too low an LR or a bad initialization, exploding too high an LR or the same.
    """
    values = finite(loss)
    if len(values) < len(loss) or find_divergence(loss, None) is not None:
        return FitFailure.EXPLODED
    start = start_of(values) if len(values) else 0.0
    peak = float(values.max(initial=0.0))
    if peak > SPIKE_PEAK * start > 0:
        return FitFailure.EXPLODED
    if has_dropped(values):
        return FitFailure.STUCK
    if peak > EXPLODED_PEAK * start > 0:
        return FitFailure.EXPLODED
    return FitFailure.NOT_DECREASING
