"""Regularization outweighs what the data has to say."""

from typing import Final

import numpy as np

from tuitrain.diagnosis.curves import Curves, tail
from tuitrain.diagnosis.findings import rounded
from tuitrain.diagnosis.numerics import finite, median
from tuitrain.diagnosis.rules.needs_longer_training import find_needs_longer_training
from tuitrain.diagnosis.rules.progress import explained_share
from tuitrain.events import Advice, Confidence, Finding, Inspection, Severity
from tuitrain.units import format_number, format_percent

DECAY_WINS: Final = 0.25
"""Norm of the decay over that of the gradient: what the decay takes must not be of the
order of what the data gives. Source: TheDeepChecker (Braiek & Khomh
2023, arXiv:2204.00694) looks for a penalty that outgrows the loss; the bound is ours."""
DECAY_RULES: Final = 1.0
"""The same from which it is too strong even if the model is still getting better. Ours."""
DECAY_WITH_LOSS: Final = 0.05
"""The same for weights that have shrunk. Ours."""
DECAY_TELLS: Final = 0.1
"""The same that is worth a remark where weights got `SMALLER`. Ours: healthy runs of the
benchmark are below 0.08."""
SMALLER: Final = 0.75
"""Share of their norm that weights have kept at most then. Ours: healthy runs of the
benchmark keep 0.77 and more."""
SHRUNK: Final = 0.5
"""Share of their norm that weights must have lost."""
HIGH_DROPOUT: Final = 0.7
"""Source: UMLAUT (Schoop et al. 2021) warns above 0.5; ours is for a model that does not
fit, too."""
GOOD_FIT: Final = 0.9
"""Above it, whatever the decay is does no harm. Ours."""
CLOSE_FIT: Final = 0.98
"""Above it there is nothing to remark. Ours."""
POOR_FIT: Final = 0.6
"""Share of the way from chance to a fit below which a model does not fit. Ours."""
MIN_LOSSES: Final = 20
HAMPERED: Final = 1.4
"""Training loss over validation loss at the end, from which units that are missing cost
more than all that does not carry over. Ours."""


def find_excess_regularization(curves: Curves) -> Finding | None:
    """Find weight decay or dropout so strong that the model can't fit its data.

    Returns:
        The finding, `low` where it is strong and may be why a model that fits could fit
        better; None: the model fits all the same, or neither is strong.
    """
    seen = curves.inspection
    explained = explained_share(curves)
    if seen is None or explained is None:
        return None
    if explained < GOOD_FIT and _decay_wins(curves, seen):
        return _decay(curves, seen, explained, Severity.HIGH)
    if seen.largest_dropout >= HIGH_DROPOUT:
        is_poor = explained <= POOR_FIT or _is_hampered(curves)
        if is_poor or explained < GOOD_FIT:
            severity = Severity.MEDIUM if is_poor else Severity.LOW
            return _dropout(seen, explained, severity)
    if explained < CLOSE_FIT and _decay_tells(seen):
        return _decay(curves, seen, explained, Severity.LOW)
    return None


def _is_hampered(curves: Curves) -> bool:
    """Whether the model, whole, does far better on new samples than in training."""
    train, val = finite(curves.loss.values), finite(curves.val_loss.values)
    if len(train) < MIN_LOSSES or not len(val):
        return False
    end, val_end = float(np.mean(tail(train, 0.2))), median(tail(val, 0.2))
    return end > HAMPERED * val_end > 0


def _decay_wins(curves: Curves, seen: Inspection) -> bool:
    decay, before, after = (
        seen.decay_over_gradient,
        seen.weight_norm_at_start,
        seen.weight_norm,
    )
    if decay is None:
        return False
    has_shrunk = bool(before and after is not None and after < SHRUNK * before)
    if decay > DECAY_RULES or (has_shrunk and decay > DECAY_WITH_LOSS):
        return True
    return decay > DECAY_WINS and find_needs_longer_training(curves) is None


def _decay_tells(seen: Inspection) -> bool:
    """Whether weights got smaller, and what they lose is in proportion to the gradients."""
    decay, before, after = (
        seen.decay_over_gradient,
        seen.weight_norm_at_start,
        seen.weight_norm,
    )
    if not decay or not before or after is None:
        return False
    return decay > DECAY_TELLS and after < SMALLER * before


def _decay(
    curves: Curves, seen: Inspection, explained: float, severity: Severity
) -> Finding:
    decay = curves.config.get("weight_decay")
    lower = decay / 10 if isinstance(decay, int | float) and decay > 0 else None
    share = seen.decay_over_gradient or 0.0
    return Finding(
        kind="excess_regularization",
        severity=severity,
        confidence=Confidence.LOW if severity is Severity.LOW else Confidence.HIGH,
        summary=(
            f"Weight decay is {format_number(share, 3)} times as strong as the "
            f"gradients, and the model is at {format_percent(explained)} of a fit."
        ),
        evidence={
            "decay_over_gradient": rounded(share),
            "weight_norm_at_start": rounded(seen.weight_norm_at_start),
            "weight_norm": rounded(seen.weight_norm),
            "explained": rounded(explained),
            "weight_decay": decay,
        },
        advice=(
            Advice(
                text="Divide the weight decay by 10, or by 100.",
                change=None if lower is None else {"weight_decay": lower / 10},
            ),
        ),
    )


def _dropout(seen: Inspection, explained: float, severity: Severity) -> Finding:
    return Finding(
        kind="excess_regularization",
        severity=severity,
        confidence=Confidence.LOW if severity is Severity.LOW else Confidence.MEDIUM,
        summary=(
            f"Dropout of {format_number(seen.largest_dropout, 2)}, and the model is at "
            f"{format_percent(explained)} of a fit."
        ),
        evidence={
            "dropout": seen.largest_dropout,
            "explained": rounded(explained),
        },
        advice=(Advice(text="Lower dropout to 0.2.", change={"dropout": 0.2}),),
    )
