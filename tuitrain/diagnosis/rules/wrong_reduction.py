"""The loss grows with the minibatch: it is a sum, not a mean."""

from typing import Final

from tuitrain.diagnosis.curves import Curves
from tuitrain.diagnosis.findings import rounded, scaled_lr
from tuitrain.events import Advice, Confidence, Finding, Severity
from tuitrain.units import format_number

SUM_RATIO: Final = (1.7, 2.3)
"""Loss of a minibatch over the mean loss of its halves: 1 for a mean, 2 for a sum. The
halves need not be alike, so neither is met exactly; the bounds are ours."""


def find_wrong_reduction(curves: Curves) -> Finding | None:
    """Find a loss that is summed over the samples of a minibatch.

    The LR then depends on the size of the minibatch, and the last one of an epoch, which
    is smaller, weighs less.

    Returns:
        The finding, or None: it is a mean, or could not be asked.
    """
    seen, facts = curves.inspection, curves.facts
    ratio = seen.batch_loss_ratio if seen is not None else None
    if ratio is None or not SUM_RATIO[0] <= ratio <= SUM_RATIO[1]:
        return None
    batch = facts.batch_size if facts is not None else None
    change = scaled_lr(curves.configured_lr, 1 / batch) if batch else None
    return Finding(
        kind="wrong_reduction",
        severity=Severity.HIGH,
        confidence=Confidence.HIGH,
        summary=(
            "The loss is a sum over the minibatch, not a mean: a minibatch has "
            f"{format_number(ratio, 3)} times the loss of its half."
        ),
        evidence={"ratio": rounded(ratio), "batch_size": batch},
        advice=(
            Advice(text='Use reduction="mean", or divide by the number of samples.'),
            Advice(
                text="Or divide the LR by the size of the minibatch.", change=change
            ),
        ),
    )
