"""Gradients of one update leak into the next."""

from typing import Final

from tuitrain.diagnosis.curves import Curves
from tuitrain.events import Advice, Confidence, Finding, Severity

MIN_UPDATES: Final = 3
"""In a row: one alone could be a first update that is made twice."""
MIN_SHARE: Final = 0.5
"""Of the updates looked at. Ours: in a pilot it was 29 of 29 without zero_grad(), and 0
of 29 in five correct loops, gradient accumulation among them; gradients that are zeroed
now and then are a bug as well."""


def find_gradients_not_zeroed(curves: Curves) -> Finding | None:
    """Find backward passes that add to the gradients of updates long made.

    Returns:
        The finding, or None: gradients begin at zero after each update, or fewer than
        `MIN_UPDATES` were looked at.
    """
    seen = curves.inspection
    if seen is None or seen.stale < MIN_UPDATES:
        return None
    if seen.stale < MIN_SHARE * seen.stale_checked:
        return None
    return Finding(
        kind="gradients_not_zeroed",
        severity=Severity.CRITICAL,
        confidence=Confidence.HIGH,
        summary=(
            f"In {seen.stale} of {seen.stale_checked} updates the gradients were added "
            "to those of the updates before."
        ),
        evidence={"updates": seen.stale_checked, "added_to_old": seen.stale},
        advice=(
            Advice(text="Call optimizer.zero_grad() once for each optimizer.step()."),
            Advice(
                text="Larger minibatches by accumulation: zero after each step, not never."
            ),
        ),
    )
