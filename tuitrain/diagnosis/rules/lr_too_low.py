"""Updates too small to get anywhere."""

from typing import Final

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
    factor_up,
    late_ratios,
)
from tuitrain.events import Advice, Confidence, Finding, Severity
from tuitrain.units import format_power

TOO_LOW_TYPICAL: Final = 2e-4
"""The same for the median layer: a fifth of the lowest one of the benchmark's healthy
runs, 1.0e-3. A small last layer may move while all others stand still."""


def find_lr_too_low(curves: Curves) -> Finding | None:
    """Find updates so small, in most layers, that the loss has not come down far.

    Returns:
        The finding, or None: some layer moves, the loss has come down to half, or there
        are fewer than `MIN_READINGS` readings.
    """
    late = late_ratios(curves)
    values = finite(curves.loss.values)
    if not late or len(values) < MIN_ITERATIONS:
        return None
    highest = max(late.values())
    typical = float(np.median(list(late.values())))
    start, end = start_of(values), float(np.median(tail(values, 0.2)))
    # All of them dead: that is another fault, and no LR mends it. Large at first and
    # small now: it was thrown somewhere flat.
    began_low = max(early_ratios(curves).values(), default=0.0) < TARGET
    is_low = highest < TOO_LOW or typical < TOO_LOW_TYPICAL
    if not is_low or highest <= DEAD or not began_low or end < 0.5 * start:
        return None
    factor = float(f"{factor_up(typical):.1g}")
    return Finding(
        kind="lr_too_low",
        severity=Severity.MEDIUM,
        confidence=Confidence.MEDIUM,
        summary=(
            f"An update changes a layer by {format_power(typical)} of its weights; "
            f"about {format_power(TARGET)} is usual."
        ),
        evidence={
            "median_ratio": rounded(typical),
            "highest_ratio": rounded(highest),
            "lr": curves.configured_lr,
        },
        advice=(
            Advice(
                text=f"Raise the LR by {factor:g}.",
                change=scaled_lr(curves.configured_lr, factor),
            ),
        ),
    )
