"""Most of the training brought nothing more."""

from typing import Final

import numpy as np

from tuitrain.diagnosis.curves import Curves
from tuitrain.diagnosis.findings import rounded
from tuitrain.diagnosis.numerics import finite
from tuitrain.events import Advice, Confidence, Finding, Severity

MIN_EVALUATIONS: Final = 10
EARLY: Final = 0.5
"""Share of the run by which nearly all of the gain was there."""
NEARLY_ALL: Final = 0.99
MIN_GAIN: Final = 0.1
"""Share of the first validation loss that must have been gained at all."""


def find_saturated_early(curves: Curves) -> Finding | None:
    """Find a validation loss that had its best value, or nearly, before half of the run.

    Returns:
        `info`, with fewer epochs as its advice; None: it went on improving, or there are
        fewer than `MIN_EVALUATIONS`.

    Source:
        Godbole et al. 2023, "Deep Learning Tuning Playbook": shorten a training whose
        best checkpoint comes early.
    """
    losses = finite(curves.val_loss.values)
    if len(losses) < MIN_EVALUATIONS:
        return None
    best_so_far = np.minimum.accumulate(losses)
    gain = float(losses[0] - best_so_far[-1])
    if gain <= MIN_GAIN * abs(float(losses[0])):
        return None
    reached = best_so_far <= losses[0] - NEARLY_ALL * gain
    epoch = int(np.argmax(reached)) + 1
    if epoch > EARLY * len(losses):
        return None
    enough = max(epoch + 1, round(1.25 * epoch))
    return Finding(
        kind="saturated_early",
        severity=Severity.INFO,
        confidence=Confidence.MEDIUM,
        summary=(f"99 % of the gain was there after {epoch} of {len(losses)} epochs."),
        evidence={
            "epoch": epoch,
            "epochs": len(losses),
            "best_val_loss": rounded(float(best_so_far[-1])),
        },
        advice=(
            Advice(
                text=f"Train for {enough} epochs while you search.",
                change={"epochs": enough},
            ),
        ),
    )
