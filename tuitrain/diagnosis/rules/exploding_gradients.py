"""Gradients grow out of bounds."""

from typing import Final

import numpy as np

from tuitrain.diagnosis.curves import Curves
from tuitrain.diagnosis.findings import rounded
from tuitrain.diagnosis.numerics import finite, start_of
from tuitrain.diagnosis.rules.progress import explained_share
from tuitrain.events import Advice, Confidence, Finding, Severity
from tuitrain.units import format_number

SPIKE: Final = 100.0
"""Times the median norm."""
HUGE: Final = 1e3
"""Norm of all gradients together, over the initial loss: no step of any use is that
steep. Ours: healthy runs of the benchmark stay below 100."""
MIN_READINGS: Final = 10
POOR_FIT: Final = 0.5


def find_exploding_gradients(curves: Curves) -> Finding | None:
    """Find gradient norms that are huge from the start, or spike again and again.

    Returns:
        The finding, or None: the norms are in bounds, the model fits all the same, or
        fewer than `MIN_READINGS` were measured.

    Source:
        Pascanu et al. 2013, arXiv:1211.5063. Bounds ours.
    """
    norms = finite(curves.grad_norm.values)
    losses = finite(curves.loss.values)
    if len(norms) < MIN_READINGS or not len(losses):
        return None
    middle, highest = float(np.median(norms)), float(norms.max())
    # That of the first iteration, before any update.
    first = float(norms[0])
    # Against a median near zero, of units that are dead, say, anything is a spike.
    spikes = int((norms > SPIKE * max(middle, 0.1 * first, 1e-12)).sum())
    scale = max(abs(start_of(losses)), 1e-3)
    is_huge = first > HUGE * scale
    explained = explained_share(curves)
    if not (is_huge or spikes >= 2) or (explained is not None and explained > POOR_FIT):
        return None
    return Finding(
        kind="exploding_gradients",
        severity=Severity.HIGH,
        confidence=Confidence.HIGH if is_huge else Confidence.MEDIUM,
        summary=(
            f"The gradient norm reaches {format_number(highest, 3)} "
            f"(median {format_number(middle, 3)})."
        ),
        evidence={
            "first": rounded(first),
            "at_start": is_huge,
            "median": rounded(middle),
            "highest": rounded(highest),
            "spikes": spikes,
        },
        advice=(
            Advice(text="Clip the gradient norm, at 1.0 for example."),
            Advice(
                text="Initialize the weights smaller, or put normalization between."
            ),
            Advice(text="Lower the LR, or warm it up."),
        ),
    )
