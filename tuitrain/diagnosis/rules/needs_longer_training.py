"""The validation curve is still getting better at the end."""

from typing import Final

import numpy as np

from tuitrain.diagnosis.curves import Curves, tail
from tuitrain.diagnosis.findings import rounded
from tuitrain.diagnosis.numerics import finite, noise, trend
from tuitrain.events import Advice, Confidence, Finding, Severity
from tuitrain.units import format_number, format_percent

MIN_EVALUATIONS: Final = 6
TAIL_SHARE: Final = 0.5
"""The last part that must improve; with 15 epochs, 7 points can be significant."""
MIN_EVALUATIONS_IN_TAIL: Final = 6
MIN_GAIN: Final = 0.05
"""Relative fall of the validation loss within that part that is worth more compute."""
NEAR_END: Final = 0.2
"""The best value must lie within this last part."""
LONGER: Final = 2
"""Factor by which the advice prolongs the training."""


def find_needs_longer_training(curves: Curves) -> Finding | None:
    """Find a validation loss that falls to the end of the run, significantly.

    Returns:
        The finding, or None: it does not, or fewer than `MIN_EVALUATIONS` evaluations.

    Source:
        Godbole et al. 2023, "Deep Learning Tuning Playbook": when the best checkpoint
        is near the end, the run was limited by compute.
    """
    losses = finite(curves.val_loss.values)
    if len(losses) < MIN_EVALUATIONS:
        return None
    last = tail(losses, TAIL_SHARE, MIN_EVALUATIONS_IN_TAIL)
    gain = float(np.median(last[:3]) - np.median(last[-3:]))
    near_end = len(losses) - int(np.argmin(losses)) <= max(2, NEAR_END * len(losses))
    enough = gain > max(MIN_GAIN * abs(float(np.median(last[:3]))), noise(last))
    if not (trend(last).falls and near_end and enough):
        return None
    epochs = curves.epochs or len(losses)
    accuracies = finite(curves.val_accuracy.values)
    reached = (
        f"val accuracy {format_percent(float(accuracies[-1]))}"
        if len(accuracies)
        else f"val loss {format_number(float(losses[-1]), 3)}"
    )
    return Finding(
        kind="needs_longer_training",
        severity=Severity.LOW,
        confidence=Confidence.MEDIUM,
        summary=f"Still getting better after {epochs} epochs ({reached}).",
        evidence={
            "epochs": epochs,
            "gain": rounded(gain),
            "val_loss": rounded(float(losses[-1])),
            "z": rounded(trend(last).z, 3),
        },
        advice=(
            Advice(
                text=f"Train longer: {LONGER * epochs} epochs instead of {epochs}.",
                change={"epochs": LONGER * epochs},
            ),
        ),
    )
