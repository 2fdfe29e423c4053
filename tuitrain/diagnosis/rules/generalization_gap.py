"""Far better on training data than on validation data."""

from typing import Final

import numpy as np

from tuitrain.diagnosis.curves import Curves, accuracy_error, tail
from tuitrain.diagnosis.findings import rounded
from tuitrain.diagnosis.numerics import finite, median
from tuitrain.diagnosis.rules.regularize import regularize_more
from tuitrain.events import Advice, Confidence, Finding, Severity
from tuitrain.units import format_percent

MIN_EVALUATIONS: Final = 3
MIN_GAP: Final = 0.05
"""Source: AutoTrainer (Zhang et al. 2021, doi:10.1109/ICSE43902.2021.00043) uses 0.1, and
0.07 above 90 % training accuracy; 0.05 is the pilot's and left 60 healthy runs alone."""
WIDE_GAP: Final = 0.15
"""From here on it is more than most data has. Ours: healthy runs of the benchmark stay
below 0.11, those on a few samples or noisy labels are at 0.22 and more."""
WIDE_ERRORS: Final = 2.0
"""Standard errors by which a gap must be wider than that. Ours: few validation samples
widen it by chance."""
MIN_ERRORS: Final = 3.0
"""Standard errors of the validation accuracy that the gap must exceed."""

_DATA: Final = Advice(
    text="Get more training data or augment it, and check its labels."
)


def find_generalization_gap(curves: Curves) -> Finding | None:
    """Compare training and validation accuracy at the end of the run.

    Without an accuracy, the loss that is left is compared, as a share of that of the
    best constant answer.

    Returns:
        The finding, or None: the gap is small, or there is nothing to compare.

    Source:
        CS231n lecture 11, "train / val accuracy": a large gap is overfitting.
    """
    train, values = curves.train_accuracy, finite(curves.val_accuracy.values)
    if train is None:
        return _from_losses(curves)
    if len(values) < MIN_EVALUATIONS:
        return None
    val = median(tail(values, 0.1))
    gap, error = train - val, accuracy_error(val, curves.val_samples)
    if gap <= max(MIN_GAP, MIN_ERRORS * error):
        return None
    is_wide = gap - WIDE_ERRORS * error > WIDE_GAP
    return Finding(
        kind="generalization_gap",
        severity=Severity.MEDIUM if is_wide else Severity.LOW,
        confidence=Confidence.HIGH if gap > 2 * MIN_GAP else Confidence.MEDIUM,
        summary=(
            f"Training accuracy {format_percent(train)}, validation accuracy "
            f"{format_percent(val)}: a gap of {format_percent(gap)}."
        ),
        evidence={
            "accuracy": rounded(train),
            "val_accuracy": rounded(val),
            "gap": rounded(gap),
            "error": rounded(error, 2),
        },
        # A gap as wide as that is in the data; what is configured can't close it.
        advice=(
            (_DATA, *regularize_more(curves)) if is_wide else regularize_more(curves)
        ),
    )


def _from_losses(curves: Curves) -> Finding | None:
    constant = curves.facts.constant_loss if curves.facts is not None else None
    train, val = finite(curves.loss.values), finite(curves.val_loss.values)
    if not constant or constant <= 0 or len(val) < MIN_EVALUATIONS or not len(train):
        return None
    left = float(np.mean(tail(train, 0.1))) / constant
    left_val = median(tail(val, 0.1)) / constant
    # Above it on training data, nothing was learned that could fail to carry over.
    if left >= 1 or left_val - left <= WIDE_GAP:
        return None
    return Finding(
        kind="generalization_gap",
        severity=Severity.MEDIUM,
        confidence=Confidence.MEDIUM,
        summary=(
            f"Of the loss of a constant answer {format_percent(left)} is left on "
            f"training data and {format_percent(left_val)} on validation data."
        ),
        evidence={
            "loss": rounded(left * constant),
            "val_loss": rounded(left_val * constant),
            "constant_loss": rounded(constant),
            "gap": rounded(left_val - left),
        },
        advice=(_DATA, *regularize_more(curves)),
    )
