"""The training loss no longer falls although there is room below."""

from typing import Final

import numpy as np

from tuitrain.diagnosis.curves import Curves, tail
from tuitrain.diagnosis.findings import rounded, scaled_lr
from tuitrain.diagnosis.numerics import (
    MEDIAN_PENALTY,
    block_medians,
    finite,
    gain,
    median,
    noise,
    start_of,
    trend,
)
from tuitrain.events import Advice, Confidence, Finding, Severity
from tuitrain.units import format_number

MIN_POINTS: Final = 100
TAIL_SHARE: Final = 0.3
"""The last part of the run that must be flat."""
MIN_GAIN: Final = 0.01
"""Relative gain within it that counts as flat. Source: torch's ReduceLROnPlateau and
BTTackler's "no more gain" look for the like."""
MAX_ERROR: Final = 0.03
"""Relative error of that gain above which the noise could hide one. Ours."""
MIN_EARLIER_DROP: Final = 0.2
"""Share of the starting loss by which it must have come down before."""
FLOOR: Final = 0.05
"""Share of the starting loss below which there is no room left."""


def find_loss_plateau(curves: Curves) -> Finding | None:
    """Find a training loss that came down and then stands still above the floor.

    Returns:
        The finding, or None: it still falls, never fell, is at its floor, or the run is
        shorter than `MIN_POINTS` iterations.

    Source:
        CS231n lecture 11, "loss curves": a plateau asks for a decay of the LR.
    """
    values = finite(curves.loss.values)
    if len(values) < MIN_POINTS:
        return None
    start, last = start_of(values), tail(values, TAIL_SHARE)
    half = len(last) // 2
    before, end = median(last[:half]), median(last[half:])
    error = MEDIAN_PENALTY * noise(last) * np.sqrt(2 / half)
    if error > MAX_ERROR * abs(before):
        return None
    has_room = end > FLOOR * start and (curves.train_accuracy or 0.0) < 0.99
    is_flat = gain(last) < MIN_GAIN and not trend(last).falls
    if start - end < MIN_EARLIER_DROP * abs(start) or not has_room or not is_flat:
        return None
    blocks = block_medians(values)
    knee = int(np.argmax(blocks < end + 0.05 * (start - end)))
    return Finding(
        kind="loss_plateau",
        severity=Severity.LOW,
        confidence=Confidence.MEDIUM,
        summary=f"The training loss stands still at {format_number(end, 3)}.",
        evidence={
            "start": rounded(start),
            "end": rounded(end),
            "flat_from_iteration": round(knee * len(values) / len(blocks)),
        },
        advice=(
            Advice(
                text="Lower the LR to a third.",
                change=scaled_lr(curves.configured_lr, 1 / 3),
            ),
            Advice(text="Decay the LR from where it stands still, for example × 0.1."),
        ),
    )
