"""The loss grows instead of falling."""

from typing import Final

from tuitrain.diagnosis.findings import rounded, scaled_lr
from tuitrain.diagnosis.numerics import Numbers, block_medians, finite, start_of, trend
from tuitrain.events import Advice, Confidence, Finding, Severity
from tuitrain.units import format_number

MIN_POINTS: Final = 20
"""Fewer say nothing: the first iterations of a healthy run jump about."""
ABOVE_START: Final = 1.3
"""End over start from which the loss has grown. Ours: over the first 100 iterations a
healthy run ends below its start, and the end is a median over many minibatches."""
ABOVE_BEST: Final = 4.0
"""End over the best block while rising. Source: LR range tests stop at 4 to 5 times the
best loss (Smith 2015, arXiv:1506.01186, as fastai and torch-lr-finder do it)."""
BLOCKS: Final = 20
"""A twentieth of the run is one block."""


def find_divergence(
    loss: Numbers, lr: float | None, lower: Advice | None = None
) -> Finding | None:
    """Compare the end of the training loss with its start and with its best.

    Args:
        loss: Training loss, one value an iteration; what is not finite is left out.
        lr: LR of the configuration, for the advice; None: not known.
        lower: Advice of how far to lower it; None: by 10.

    Returns:
        The finding, or None: no growth, or fewer than `MIN_POINTS` values.
    """
    values = finite(loss)
    if len(values) < MIN_POINTS:
        return None
    blocks = block_medians(values, BLOCKS)
    start, best, end = start_of(values), float(blocks.min()), blocks[-1]
    above_start = start > 0 and end > ABOVE_START * start
    rising = trend(values[len(values) // 2 :]).rises
    above_best = best > 0 and end > ABOVE_BEST * best and end > start and rising
    if not (above_start or above_best):
        return None
    return Finding(
        kind="divergence",
        severity=Severity.CRITICAL,
        confidence=Confidence.HIGH if rising else Confidence.MEDIUM,
        summary=(
            f"The loss grew from {format_number(start, 3)} "
            f"to {format_number(float(end), 3)}."
        ),
        evidence={
            "start": rounded(start),
            "best": rounded(best),
            "end": rounded(float(end)),
            "lr": rounded(lr),
        },
        advice=(
            lower or Advice(text="Divide the LR by 10.", change=scaled_lr(lr, 0.1)),
            Advice(text="Warm the LR up, or clip the gradient norm."),
            Advice(text="Check the initialization of the weights."),
        ),
    )
