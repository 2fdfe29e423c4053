"""The validation curve is still getting better at the end."""

from typing import Final

import numpy as np

from tuitrain.diagnosis.curves import Curves, tail
from tuitrain.diagnosis.findings import rounded, scaled_lr
from tuitrain.diagnosis.numerics import Numbers, finite, median, noise, trend
from tuitrain.diagnosis.rules.update_ratios import has_room
from tuitrain.events import Advice, Confidence, Finding, Severity
from tuitrain.units import format_number, format_percent

MIN_EVALUATIONS: Final = 6
TAIL_SHARE: Final = 0.5
"""The last part that must improve; with 15 epochs, 7 points can be significant."""
MIN_EVALUATIONS_IN_TAIL: Final = 6
MIN_GAIN: Final = 0.05
"""Relative fall of the validation loss within that part that is worth more compute."""
MIN_STEP: Final = 0.005
"""Relative fall from one evaluation to the next that is worth another, where there are
too few for a trend."""
MOST_INVERTED: Final = 1
"""Pairs of six evaluations of which the later one may be worse: noise alone puts them in
such an order once in 120 times. Of fewer, none."""
NEAR_END: Final = 0.2
"""The best value must lie within this last part."""
SHORT: Final = 10
"""Epochs below which a run has shown little of its curve."""
LONGER_IF_SHORT: Final = 8
FASTER: Final = 3.0
"""Factor by which the LR is raised meanwhile where there is room. Ours: the LRs a search
tries are this far apart."""
LONGER: Final = 2
"""Factor by which the advice prolongs the training."""


def find_needs_longer_training(curves: Curves) -> Finding | None:
    """Find a validation loss that falls to the end of the run, significantly.

    Returns:
        The finding, or None: it does not, or fewer than two evaluations.

    Source:
        Godbole et al. 2023, "Deep Learning Tuning Playbook": when the best checkpoint
        is near the end, the run was limited by compute.
    """
    losses = finite(curves.val_loss.values)
    if len(losses) < (MIN_EVALUATIONS if curves.is_search else 2):
        return None
    last = tail(losses, TAIL_SHARE, MIN_EVALUATIONS_IN_TAIL)
    gain = median(last[:3]) - median(last[-3:])
    near_end = len(losses) - int(np.argmin(losses)) <= max(2, NEAR_END * len(losses))
    enough = gain > max(MIN_GAIN * abs(median(last[:3])), noise(last))
    if len(losses) < 2 * MIN_EVALUATIONS_IN_TAIL:
        # Too few for a trend: each must be better than those before, to the end.
        spared = MOST_INVERTED if len(losses) >= MIN_EVALUATIONS else 0
        falls = _count_inverted(losses[-MIN_EVALUATIONS:]) <= spared
        step = float(losses[-2] - losses[-1]) / max(abs(float(losses[-2])), 1e-12)
        enough = step > MIN_STEP
    else:
        falls = trend(last).falls
    if not (falls and near_end and enough):
        return None
    epochs = curves.epochs or len(losses)
    longer = epochs * (LONGER if len(losses) >= SHORT else LONGER_IF_SHORT)
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
            "gain": rounded(gain if gain > 0 else float(losses[0] - losses[-1])),
            "val_loss": rounded(float(losses[-1])),
            "z": rounded(trend(last).z, 3),
        },
        advice=_advise(curves, epochs, longer),
    )


def _count_inverted(losses: Numbers) -> int:
    """Return how many pairs of evaluations do not get better."""
    return int(np.triu(losses[None, :] >= losses[:, None], 1).sum())


def _advise(curves: Curves, epochs: int, longer: int) -> tuple[Advice, ...]:
    plain = Advice(
        text=f"Train longer: {longer} epochs instead of {epochs}.",
        change={"epochs": longer},
    )
    faster = scaled_lr(curves.configured_lr, FASTER) if has_room(curves) else None
    if faster is None:
        return (plain,)
    return (
        Advice(
            text=f"Train longer, {longer} epochs instead of {epochs}, at {FASTER:g} "
            "times the LR: updates are small.",
            change={"epochs": longer, **faster},
        ),
        plain,
    )
