"""The training loss does not come down."""

import math
from typing import Final

from tuitrain.diagnosis.findings import rounded
from tuitrain.diagnosis.numerics import (
    END_SHARE,
    START_SHARE,
    Drop,
    Numbers,
    drop,
    finite,
    trend,
)
from tuitrain.events import Advice, Confidence, Finding, Severity
from tuitrain.units import format_number

MIN_POINTS: Final = 20
"""Fewer iterations can't tell a slow start from none."""
MIN_DROP: Final = 0.02
"""Share of the starting loss that a drop must have. Ours, half of the 5 % a period that
TheDeepChecker asks for, since 100 iterations at a small LR are a short period."""
END_SCATTER: Final = math.sqrt((1 / END_SHARE) / (1 / END_SHARE + 1 / START_SHARE))
"""Share of the error of a drop that the end of the curve has."""
MIN_Z: Final = 3.0
"""Standard errors of the noise that a drop must exceed."""


def has_dropped(loss: Numbers, chance: float | None = None) -> bool:
    """Whether the loss came down by more than its noise, and more than a trifle.

    Args:
        loss: Training loss, one value an iteration, all finite.
        chance: What a model reaches that knows how often each label occurs and nothing
            else; a drop down to it teaches nothing. None: not known.
    """
    fall = drop(loss)
    if fall is None:
        return False
    # A first minibatch may be lucky; what chance reaches is known for sure.
    start = fall.start if chance is None else chance
    size = start - fall.end
    # Chance is exact: then only the end scatters, which has four times the points.
    error = fall.error if chance is None else fall.error * END_SCATTER
    return size > MIN_DROP * abs(start) and size > MIN_Z * error


def find_loss_not_decreasing(
    loss: Numbers, chance: float | None = None
) -> Finding | None:
    """Compare the start of the training loss with its end.

    Args:
        loss: Training loss, one value an iteration; what is not finite is left out.
        chance: See `has_dropped`.

    Returns:
        The finding, or None: it falls, or fewer than `MIN_POINTS` values.

    Source:
        SageMaker Debugger's LossNotDecreasing, with the noise taken into account.
    """
    values = finite(loss)
    fall = drop(values)
    if fall is None or len(values) < MIN_POINTS or has_dropped(values, chance):
        return None
    if chance is None and trend(values).falls and fall.size > MIN_DROP * fall.start:
        return None
    return Finding(
        kind="loss_not_decreasing",
        severity=Severity.HIGH,
        confidence=Confidence.HIGH if fall.size <= 0 else Confidence.MEDIUM,
        summary=_summary(fall, chance),
        evidence={
            "start": rounded(fall.start),
            "end": rounded(fall.end),
            "drop": rounded(fall.size),
            "noise": rounded(fall.error),
            "chance": rounded(chance),
            "iterations": len(values),
        },
        advice=(
            Advice(text="Try a higher LR: it may be too low to be seen."),
            Advice(
                text="Check the initialization: zero or tiny weights learn nothing."
            ),
            Advice(text="Make sure that the optimizer holds the model's parameters."),
            Advice(text="Make sure that backward() reaches them: no detach, no .data."),
        ),
    )


def _summary(fall: Drop, chance: float | None) -> str:
    start, end = format_number(fall.start, 3), format_number(fall.end, 3)
    if chance is not None and fall.end < fall.start:
        return (
            f"The loss goes from {start} to {end}, no further than chance "
            f"({format_number(chance, 3)})."
        )
    return f"The loss does not come down: {start} at the start, {end} at the end."
