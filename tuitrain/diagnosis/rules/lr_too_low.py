"""Updates too small to get anywhere."""

import numpy as np

from tuitrain.diagnosis.curves import Curves, tail
from tuitrain.diagnosis.findings import rounded, scaled_lr
from tuitrain.diagnosis.numerics import finite, start_of
from tuitrain.diagnosis.rules.update_ratios import (
    DEAD,
    MIN_ITERATIONS,
    TARGET,
    TOO_LOW,
    early_ratios,
    late_ratios,
)
from tuitrain.events import Advice, Confidence, Finding, Severity
from tuitrain.units import format_power


def find_lr_too_low(curves: Curves) -> Finding | None:
    """Find updates so small, in every layer, that the loss has not come down far.

    Returns:
        The finding, or None: some layer moves, the loss has come down to half, or there
        are fewer than `MIN_READINGS` readings.
    """
    late = late_ratios(curves)
    values = finite(curves.loss.values)
    if not late or len(values) < MIN_ITERATIONS:
        return None
    highest = max(late.values())
    start, end = start_of(values), float(np.median(tail(values, 0.2)))
    # All of them dead: that is another fault, and no LR mends it. Large at first and
    # small now: it was thrown somewhere flat.
    began_low = max(early_ratios(curves).values(), default=0.0) < TARGET
    if not DEAD < highest < TOO_LOW or not began_low or end < 0.5 * start:
        return None
    return Finding(
        kind="lr_too_low",
        severity=Severity.MEDIUM,
        confidence=Confidence.MEDIUM,
        summary=(
            f"An update changes no layer by more than {format_power(highest)} of its "
            f"weights; about {format_power(TARGET)} is usual."
        ),
        evidence={"highest_ratio": rounded(highest), "lr": curves.configured_lr},
        advice=(
            Advice(
                text="Raise the LR tenfold.", change=scaled_lr(curves.configured_lr, 10)
            ),
        ),
    )
