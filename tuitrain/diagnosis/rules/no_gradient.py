"""Parameters that should learn and never get a gradient."""

from typing import Final

from tuitrain.diagnosis.curves import Curves
from tuitrain.diagnosis.findings import listed
from tuitrain.events import Advice, Confidence, Finding, Severity

MIN_ITERATIONS: Final = 5
"""Fewer say little: a last layer that begins at zero sends nothing back at first."""


def find_no_gradient(curves: Curves) -> Finding | None:
    """Find parameters whose gradient was missing or zero in every iteration.

    Frozen parameters are meant to have none and do not count; neither do those that no
    optimizer holds, which is a finding of its own.

    Returns:
        `critical` if they are half of all trained ones or more, else `high`; None: all
        get one, or fewer than `MIN_ITERATIONS` were looked at.
    """
    seen = curves.inspection
    if seen is None or seen.iterations < MIN_ITERATIONS or not seen.no_gradient:
        return None
    names = seen.no_gradient
    trained = max(1, seen.parameters - len(seen.frozen))
    is_most = 2 * len(names) >= trained
    return Finding(
        kind="no_gradient",
        severity=Severity.CRITICAL if is_most else Severity.HIGH,
        confidence=Confidence.HIGH,
        summary=(
            f"{len(names)} of {trained} trained parameters never got a gradient: "
            f"{listed(names)}."
        ),
        evidence={"parameters": list(names), "trained": trained},
        advice=(
            Advice(
                text="Look for detach(), .data, .item() or no_grad() on the way to the loss."
            ),
            Advice(text="Make sure that forward() uses these layers."),
            Advice(text="If they are meant to rest, set requires_grad=False on them."),
        ),
    )
