"""The model stands still before it has learned even the training data."""

import math
from typing import Final

import numpy as np

from tuitrain.diagnosis.curves import Curves, accuracy_error, tail
from tuitrain.diagnosis.findings import rounded
from tuitrain.diagnosis.numerics import finite, gain, median, trend
from tuitrain.diagnosis.rules.narrow_head import narrow_layer
from tuitrain.diagnosis.rules.needs_longer_training import find_needs_longer_training
from tuitrain.diagnosis.rules.progress import explained_share, is_weighted
from tuitrain.events import Advice, Confidence, Finding, Severity
from tuitrain.units import format_percent

MIN_POINTS: Final = 200
MIN_POINTS_NARROW: Final = 100
"""The same where a narrow layer is seen, so that the curve is not all there is."""
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
BEATEN_ON_NEW: Final = 2.58
"""The same where they are better on samples that are new to the model. Ours: at most 1.6
in healthy runs of the benchmark, 3 and more in nets of two or three units."""
NARROW_FIT: Final = 0.97
"""Share explained below which a layer that is too narrow has done harm."""
NARROW_FIT_LOSS: Final = 0.9
"""The same of the loss of a regression, whose targets are noisy. Ours."""
TAIL_SHARE: Final = 0.5
MAX_GAIN: Final = 0.05
"""Relative fall of the loss within that part that leads nowhere. Ours."""
MAX_GAP: Final = 0.05
"""More validation than training accuracy apart is no underfitting."""
MAX_GAP_LOSS: Final = 0.15
"""The same of what is left of a constant answer's loss."""


def find_underfitting(curves: Curves) -> Finding | None:
    """Find a training curve that has gone flat far from a fit.

    Returns:
        The finding, `low` if it still learns and a layer is narrow enough to be why it
        does so slowly; None: it fits well enough, still learns, or what "well" means for
        this task is not known.

    Source:
        CS231n lecture 11, "train / val accuracy": no gap means underfitting. For a last
        layer that is too narrow see `narrow_layer`.
    """
    values = finite(curves.loss.values)
    share = _share_explained(curves)
    narrow = narrow_layer(curves)
    least = MIN_POINTS if narrow is None else MIN_POINTS_NARROW
    if share is None or len(values) < least:
        return None
    explained, enough = share
    last = tail(values, TAIL_SHARE)
    still_learns = trend(last).falls and gain(last) > MAX_GAIN
    if _has_gap(curves):
        return None
    if narrow is not None:
        is_loss = curves.train_accuracy is None
        enough = NARROW_FIT_LOSS if is_loss else NARROW_FIT
    is_poor = explained < enough and (
        narrow is not None or explained <= POOR or _is_beaten(curves)
    )
    is_done = find_needs_longer_training(curves) is None
    is_beaten = is_done and is_beaten_on_new(curves)
    is_plain = is_beaten or (is_poor and not still_learns)
    if not is_plain and (narrow is None or explained >= NARROW_FIT):
        return None
    is_sure = is_plain and explained <= enough / 2
    return Finding(
        kind="underfitting",
        severity=Severity.MEDIUM if is_plain else Severity.LOW,
        confidence=Confidence.MEDIUM if is_sure else Confidence.LOW,
        summary=(
            f"The model {'no longer learns' if is_plain else 'learns slowly'}, at "
            f"{format_percent(explained)} of what there is to learn from the "
            "training data." + (narrow.told if narrow else "")
        ),
        evidence={
            "explained": rounded(explained),
            "accuracy": rounded(curves.train_accuracy),
            "loss": rounded(median(last)),
            "narrowest": narrow.units if narrow else None,
            "is_dead": narrow.is_dead if narrow else None,
            "outputs": narrow.outputs if narrow else None,
        },
        advice=(
            Advice(text="Take a bigger model: wider, deeper, or of another kind."),
            Advice(text="Train longer, and regularize less."),
            Advice(text="Look at the inputs: is what decides the label in them?"),
        ),
    )


def _share_explained(curves: Curves) -> tuple[float, float] | None:
    accuracy, chance = curves.train_accuracy, curves.chance_accuracy
    if accuracy is not None and is_weighted(curves):
        share = explained_share(curves)
        return None if share is None else (share, MIN_EXPLAINED_LOSS)
    if accuracy is not None:
        if chance is None or chance >= 1:
            return None
        return (accuracy - chance) / (1 - chance), MIN_EXPLAINED
    constant = curves.facts.constant_loss if curves.facts is not None else None
    values = finite(curves.loss.values)
    if not constant or constant <= 0 or not len(values):
        return None
    return 1 - median(tail(values, 0.1)) / constant, MIN_EXPLAINED_LOSS


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


def is_beaten_on_new(curves: Curves) -> bool:
    """Whether plain methods tell the targets of new samples better than the model does."""
    signal = curves.inspection.signal if curves.inspection is not None else None
    if signal is None:
        return False
    best = max(signal.neighbour, signal.linear)
    if curves.train_accuracy is not None:
        accuracies = finite(curves.val_accuracy.values)
        if not len(accuracies) or is_weighted(curves):
            return False
        reached = median(tail(accuracies, 0.2))
        error = math.hypot(signal.error, accuracy_error(reached, curves.val_samples))
    else:
        left = _left_of_constant(curves)
        if left is None:
            return False
        # What is explained is the square of a correlation.
        reached, error, best = 1 - left[1], 2 * best * signal.error, best**2
    return reached < best - BEATEN_ON_NEW * error


def _left_of_constant(curves: Curves) -> tuple[float, float] | None:
    """Return what is left of a constant answer's loss, on training and validation data."""
    constant = curves.facts.constant_loss if curves.facts is not None else None
    train, val = finite(curves.loss.values), finite(curves.val_loss.values)
    if not constant or constant <= 0 or not len(val) or not len(train):
        return None
    return (
        float(np.mean(tail(train, 0.1))) / constant,
        median(tail(val, 0.2)) / constant,
    )


def _has_gap(curves: Curves) -> bool:
    train, values = curves.train_accuracy, finite(curves.val_accuracy.values)
    if train is None:
        left = _left_of_constant(curves)
        return left is not None and left[1] - left[0] > MAX_GAP_LOSS
    if not len(values):
        return False
    reached = median(tail(values, 0.2))
    error = accuracy_error(reached, curves.val_samples)
    return train - reached > MAX_GAP + BEATEN_ERRORS * error
