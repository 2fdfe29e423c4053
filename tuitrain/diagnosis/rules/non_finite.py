"""The loss became NaN or infinite."""

from typing import Final

import numpy as np

from tuitrain.diagnosis.curves import Curves
from tuitrain.diagnosis.findings import name_layer, rounded, scaled_lr
from tuitrain.diagnosis.numerics import Numbers, median
from tuitrain.events import Advice, Confidence, Finding, Severity
from tuitrain.model import Series
from tuitrain.units import format_number

ROSE: Final = 2.0
"""Highest loss over the first one from which large updates are to blame. Ours."""
LATEST: Final = 3
"""Last finite losses that must be above the first one where updates are to blame."""

_LOOK: Final = Advice(
    text="Look for NaN in the data, and for log, exp or division by 0."
)
_CALMER: Final = (
    Advice(text="Clip the gradient norm, for example at 1."),
    Advice(text="Warm the LR up over the first iterations."),
)


def find_non_finite_inputs(curves: Curves) -> Finding | None:
    """Find NaN or infinity in what the model is fed.

    Returns:
        The finding, or None: all inputs seen are numbers.
    """
    inputs = curves.inspection.inputs if curves.inspection is not None else None
    if inputs is None or not inputs.not_finite:
        return None
    return Finding(
        kind="non_finite",
        severity=Severity.CRITICAL,
        confidence=Confidence.HIGH,
        summary=(
            f"The inputs of {name_layer(inputs.layer)} hold {inputs.not_finite} values that are NaN "
            f"or infinite, in {inputs.samples} samples."
        ),
        evidence={
            "values": inputs.not_finite,
            "samples": inputs.samples,
            "at_start": True,
        },
        advice=(
            Advice(text="Look for missing values in the data, and for divisions by 0."),
            Advice(text="Leave such samples out, or put the feature's mean there."),
        ),
    )


def find_non_finite(
    loss: Series,
    lr: float | None,
    lower: Advice | None = None,
    *,
    is_driven: bool = False,
) -> Finding | None:
    """Find the first loss that is not a number.

    Args:
        loss: Training loss, one value an iteration.
        lr: LR of the configuration, for the advice; None: not known.
        lower: Advice of how far to lower it; None: by 10.
        is_driven: Whether updates were large enough to have brought it about, if the
            loss grew meanwhile.

    Returns:
        The finding, or None: every value is finite.

    Source:
        Keras' TerminateOnNaN and SageMaker Debugger's ExplodingTensor ask the same.
    """
    broken = np.flatnonzero(~np.isfinite(loss.values))
    if not len(broken):
        return None
    index = int(broken[0])
    before = loss.values[:index]
    last = float(before[-1]) if len(before) else None
    iteration = int(loss.iterations[index])
    value = float(loss.values[index])
    lower = lower or Advice(text="Divide the LR by 10.", change=scaled_lr(lr, 0.1))
    rose = len(before) > 0 and float(before.max()) > ROSE * abs(float(before[0]))
    return Finding(
        kind="non_finite",
        severity=Severity.CRITICAL,
        confidence=Confidence.HIGH,
        summary=f"The loss became {format_number(value)} at iteration {iteration}.",
        evidence={
            "iteration": iteration,
            "loss": rounded(value),
            "last_finite_loss": rounded(last),
            "highest_before": rounded(float(before.max()) if len(before) else None),
            "lr": rounded(lr),
        },
        # Where nothing grew before, no smaller step keeps it away.
        advice=(
            (lower, *_CALMER, _LOOK)
            if rose or (is_driven and _has_left(before))
            else (_LOOK, lower, *_CALMER)
        ),
    )


def _has_left(before: Numbers) -> bool:
    """Whether updates may have driven the loss away from where it began.

    The first loss has no update before it, and one that came down was not driven up. Where
    it lasted a few updates only, they may have been too large to be seen.
    """
    if len(before) <= LATEST:
        return len(before) > 0
    return median(before[-LATEST:]) > float(before[0])
