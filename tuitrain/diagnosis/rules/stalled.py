"""Nothing has been measured for far too long."""

from typing import Final

import numpy as np

from tuitrain.diagnosis.curves import Curves
from tuitrain.diagnosis.findings import rounded
from tuitrain.diagnosis.numerics import median
from tuitrain.events import Advice, Confidence, Finding, Severity
from tuitrain.units import format_duration

LONGEST_S: Final = 60.0
"""Shorter waits are validation, a checkpoint, or a loader that starts."""
OVER_USUAL: Final = 20.0
"""Times the usual time between two batches of points. Ours; SageMaker Debugger's
StalledTrainingRule waits for 1,800 s whatever is usual."""
MIN_READINGS: Final = 10


def find_stalled(curves: Curves) -> Finding | None:
    """Find a trial that measures nothing while it is said to run.

    Returns:
        The finding, or None: it goes on, has ended, or is too young to tell.
    """
    times = curves.times.values
    if curves.now_s is None or len(times) < MIN_READINGS:
        return None
    usual_s = median(np.diff(times))
    silent_s = curves.now_s - float(times[-1])
    if silent_s <= max(LONGEST_S, OVER_USUAL * usual_s):
        return None
    return Finding(
        kind="stalled",
        severity=Severity.HIGH,
        confidence=Confidence.MEDIUM,
        summary=(
            f"Nothing was measured for {format_duration(silent_s)}; "
            f"{format_duration(usual_s)} is usual."
        ),
        evidence={
            "silent_s": rounded(silent_s),
            "usual_s": rounded(usual_s),
            "last_iteration": curves.loss.last_iteration,
        },
        advice=(
            Advice(text="Look at the trial's output: is it waiting for something?"),
            Advice(text="Look for a data loader whose worker died, or a full disk."),
        ),
    )
