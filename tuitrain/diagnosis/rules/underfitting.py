"""The model stands still before it has learned even the training data."""

from typing import Final

import numpy as np

from tuitrain.diagnosis.curves import Curves, tail
from tuitrain.diagnosis.findings import rounded
from tuitrain.diagnosis.numerics import finite, gain, trend
from tuitrain.diagnosis.rules.narrow_head import narrow_head
from tuitrain.events import Advice, Confidence, Finding, Severity
from tuitrain.units import format_percent

MIN_POINTS: Final = 200
MIN_EXPLAINED: Final = 0.5
"""Of the way from chance to perfect accuracy on training data. Ours: without a baseline
only the plainly bad can be named."""
MIN_EXPLAINED_LOSS: Final = 0.2
"""The same for regression, of the constant predictor's loss: noisy targets can leave
half of the variance unexplained in a good model."""
POOR: Final = 0.15
"""Below this share nobody asks what plain methods reach."""
BEATEN_ERRORS: Final = 2.0
"""Standard errors by which plain methods must be better. Source: CS231n and the tuning
playbook compare with a baseline; here each sample is predicted from the others."""
NARROW_FIT: Final = 0.97
"""Share explained below which a last layer that is too narrow has done harm."""
TAIL_SHARE: Final = 0.5
MAX_GAIN: Final = 0.05
"""Relative fall of the loss within that part that leads nowhere. Ours."""
MAX_GAP: Final = 0.05
"""More validation than training accuracy apart is no underfitting."""


def find_underfitting(curves: Curves) -> Finding | None:
    """Find a training curve that has gone flat far from a fit.

    Returns:
        The finding, or None: it fits well enough, still learns, or what "well" means
        for this task is not known.

    Source:
        CS231n lecture 11, "train / val accuracy": no gap means underfitting. For a last
        layer that is too narrow see `narrow_head`.
    """
    values = finite(curves.loss.values)
    share = _share_explained(curves)
    if share is None or len(values) < MIN_POINTS:
        return None
    explained, enough = share
    last = tail(values, TAIL_SHARE)
    still_learns = trend(last).falls and gain(last) > MAX_GAIN
    narrow = narrow_head(curves)
    if narrow is not None:
        enough = NARROW_FIT
    if explained >= enough or still_learns or _has_gap(curves):
        return None
    if narrow is None and explained > POOR and not _is_beaten(curves):
        return None
    return Finding(
        kind="underfitting",
        severity=Severity.MEDIUM,
        confidence=Confidence.LOW if explained > enough / 2 else Confidence.MEDIUM,
        summary=(
            "The model no longer learns, at "
            f"{format_percent(explained)} of what there is to learn from the "
            "training data." + (_tell_narrow(*narrow) if narrow else "")
        ),
        evidence={
            "explained": rounded(explained),
            "accuracy": rounded(curves.train_accuracy),
            "loss": rounded(float(np.median(last))),
            "head_inputs": narrow[0] if narrow else None,
            "outputs": narrow[1] if narrow else None,
        },
        advice=(
            Advice(text="Take a bigger model: wider, deeper, or of another kind."),
            Advice(text="Train longer, and regularize less."),
            Advice(text="Look at the inputs: is what decides the label in them?"),
        ),
    )


def _tell_narrow(inputs: int, outputs: int) -> str:
    return (
        f" Its last layer makes {outputs} outputs of {inputs} numbers: "
        f"at least {outputs - 1} are needed."
    )


def _share_explained(curves: Curves) -> tuple[float, float] | None:
    accuracy, chance = curves.train_accuracy, curves.chance_accuracy
    if accuracy is not None:
        if chance is None or chance >= 1:
            return None
        return (accuracy - chance) / (1 - chance), MIN_EXPLAINED
    constant = curves.facts.constant_loss if curves.facts is not None else None
    values = finite(curves.loss.values)
    if not constant or constant <= 0 or not len(values):
        return None
    return 1 - float(np.median(tail(values, 0.1))) / constant, MIN_EXPLAINED_LOSS


def _is_beaten(curves: Curves) -> bool:
    """Whether plain methods tell the training targets better than the model does."""
    signal = curves.inspection.signal if curves.inspection is not None else None
    if signal is None:
        return False
    best = max(signal.neighbour, signal.linear)
    if curves.train_accuracy is not None:
        return curves.train_accuracy < best - BEATEN_ERRORS * signal.error
    share = _share_explained(curves)
    return share is not None and share[0] < best**2 - BEATEN_ERRORS * signal.error


def _has_gap(curves: Curves) -> bool:
    train, values = curves.train_accuracy, finite(curves.val_accuracy.values)
    if train is None or not len(values):
        return False
    return train - float(np.median(tail(values, 0.2))) > MAX_GAP
