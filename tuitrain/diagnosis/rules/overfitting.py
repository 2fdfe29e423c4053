"""The validation curve turns for the worse while the training loss still falls."""

from typing import Final

import numpy as np

from tuitrain.diagnosis.curves import Curves, accuracy_error, tail
from tuitrain.diagnosis.findings import rounded
from tuitrain.diagnosis.numerics import MEDIAN_PENALTY, Numbers, finite, noise
from tuitrain.diagnosis.rules.regularize import regularize_more
from tuitrain.events import Advice, Confidence, Evidence, Finding, Severity
from tuitrain.units import format_number, format_percent

MIN_EVALUATIONS: Final = 5
LATEST_BEST: Final = 0.8
"""The best epoch must lie before this share of the run; later it is no trend yet."""
MIN_RISE: Final = 0.1
"""Relative rise of the validation loss over its best. Source: OverfitGuard and the
tuning playbook judge by it; 10 % is the pilot's, whose healthy runs without it rise."""
MIN_ERRORS: Final = 3.0
"""Standard errors that the rise must exceed."""
PLAIN_RISE: Final = 0.4
"""Relative rise from which a smaller loss of accuracy is no chance. Ours: on the
benchmark's healthy runs that rise as far, accuracy stays within 1 %."""
LEAST_LOSS: Final = 0.02
"""Accuracy that must be lost at such a rise, and more than its standard error."""
MIN_EPOCHS: Final = 2
"""A training of a single epoch is no advice."""
END_SHARE: Final = 0.2
"""The last part whose median is the end of the curve."""


def find_overfitting(curves: Curves) -> Finding | None:
    """Find a validation loss that has risen well above its best.

    A classifier that is right as often as before and only surer of its few mistakes
    does not overfit in any way that matters: that is `overconfidence`, of severity
    `info`.

    Returns:
        The finding, or None: no such rise, or fewer than `MIN_EVALUATIONS` evaluations.

    Source:
        CS231n lecture 11, "train / val"; rule and the split from a pilot of 218 runs,
        where rising loss at unchanged accuracy was 7 of 8 false alarms.
    """
    losses = finite(curves.val_loss.values)
    if len(losses) < MIN_EVALUATIONS:
        return None
    best_at = int(np.argmin(losses))
    best, last = float(losses[best_at]), tail(losses, END_SHARE, 3)
    rise = float(np.median(last)) - best
    error = (
        MEDIAN_PENALTY * noise(losses[len(losses) // 2 :]) * np.sqrt(1 + 1 / len(last))
    )
    if best_at >= LATEST_BEST * len(losses) or not _train_falls(
        curves, best_at, losses
    ):
        return None
    if rise <= MIN_RISE * abs(best) or rise <= MIN_ERRORS * error:
        return None
    epoch = best_at + 1
    evidence: Evidence = {
        "best_epoch": epoch,
        "epochs": len(losses),
        "best_val_loss": rounded(best),
        "val_loss": rounded(float(np.median(last))),
        "rise": rounded(rise / abs(best) if best else None),
    }
    worse = _lost_accuracy(curves, is_plain=rise > PLAIN_RISE * abs(best))
    if worse is not None and worse[0] <= worse[1]:
        return _overconfidence(best, rise, epoch, evidence)
    lost = f", accuracy fell by {format_percent(worse[0])}" if worse is not None else ""
    stop = Advice(
        text=f"Stop early: train for {epoch} epochs.", change={"epochs": epoch}
    )
    return Finding(
        kind="overfitting",
        severity=Severity.HIGH,
        confidence=Confidence.HIGH if rise > 2 * MIN_RISE * best else Confidence.MEDIUM,
        summary=(
            f"Since epoch {epoch} the validation loss rises, from "
            f"{format_number(best, 3)} to {format_number(best + rise, 3)}{lost}."
        ),
        evidence={**evidence, "lost_accuracy": rounded(worse[0] if worse else None)},
        advice=(
            *([] if epoch < MIN_EPOCHS else [stop]),
            *regularize_more(curves),
        ),
    )


def _overconfidence(
    best: float, rise: float, epoch: int, evidence: Evidence
) -> Finding:
    return Finding(
        kind="overconfidence",
        severity=Severity.INFO,
        confidence=Confidence.MEDIUM,
        summary=(
            f"Since epoch {epoch} the validation loss rises from "
            f"{format_number(best, 3)} to {format_number(best + rise, 3)}, but the "
            "model is right as often as before."
        ),
        evidence=evidence,
        advice=(
            Advice(text="Label smoothing, if the probabilities matter."),
            Advice(text="Otherwise leave it: this is no failure."),
        ),
    )


def _train_falls(curves: Curves, best_at: int, losses: Numbers) -> bool:
    values = finite(curves.loss.values)
    index = int(len(values) * (best_at + 1) / len(losses))
    if index < 5 or len(values) - index < 5:
        return True
    there, end = values[max(0, index - 10) : index], tail(values, 0.1, 5)
    return float(np.median(end)) <= float(np.median(there))


def _lost_accuracy(curves: Curves, *, is_plain: bool) -> tuple[float, float] | None:
    """Return by how much the accuracy fell from its best, and what chance explains.

    Where the loss rises plainly, chance has less to explain: it is the same samples that
    are looked at each time.
    """
    values = finite(curves.val_accuracy.values)
    if not len(values):
        return None
    best, end = float(values.max()), float(np.median(tail(values, END_SHARE, 3)))
    error = accuracy_error(best, curves.val_samples)
    return best - end, max(error, LEAST_LOSS) if is_plain else 2 * max(error, 0.005)
