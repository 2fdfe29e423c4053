"""The LR was lowered while the loss was still falling, and the fall stopped."""

from typing import Final

import numpy as np

from tuitrain.diagnosis.curves import Curves
from tuitrain.diagnosis.findings import rounded
from tuitrain.diagnosis.numerics import Trend, finite, median, start_of, trend
from tuitrain.diagnosis.rules.lr_too_low import TOO_LOW_TYPICAL
from tuitrain.diagnosis.rules.progress import explained_share
from tuitrain.diagnosis.rules.update_ratios import late_ratios
from tuitrain.events import Advice, Confidence, Evidence, Finding, Severity
from tuitrain.units import format_power

MIN_DECAY: Final = 2.0
"""Factor from which one change of the LR is a step of a schedule; less is a smooth one."""
WINDOW: Final = 20
"""Iterations needed on both sides; at most a quarter of the run is looked at."""
SLOWED: Final = 0.1
"""Share of the slope before that remains after, at most."""
CUT: Final = 10.0
"""Factor from which a single change of the LR stops a training, rather than slows it."""
CUT_BEFORE: Final = 0.3
"""Share of the run within which such a cut comes too early."""
GOOD_FIT: Final = 0.97
"""Share of the way from chance to a perfect fit from which there is nothing to mend."""
MIN_FALL: Final = 0.3
"""Fall of the loss within the iterations looked at before the step, relative to what is
left: less is a training that comes to its end anyway. Ours: 0.42 and more where the LR was
lowered at a tenth of the run, at most 0.28 at two thirds of the benchmark's healthy runs
whose loss is far from zero."""
MIN_VAL_FALL: Final = 0.05
"""Relative fall of the validation loss meanwhile that makes the fall worth waiting for.
Ours."""
MIN_REMAINING: Final = 0.2
"""The loss at the decay, relative to the start: below there was little left to lose."""


def find_lr_decayed_too_early(curves: Curves) -> Finding | None:
    """Compare the slope of the loss before and after each step of the LR schedule.

    Returns:
        The finding for the first such step, `low` if the training data were learned by
        then; None: there is none, or too few iterations around it.

    Source:
        CS231n lecture 11, "loss curves": do not decay the LR too early.
    """
    loss = curves.loss
    for at, before_lr, after_lr in _decays(curves):
        index = int(np.searchsorted(loss.iterations, at))
        width = min(index, len(loss) - index, max(WINDOW, len(loss) // 4))
        if _was_cut(curves, at, before_lr / after_lr):
            is_fitted = (explained_share(curves) or 0.0) >= GOOD_FIT
            return _finding(at, before_lr, after_lr, is_slight=is_fitted)
        if width < WINDOW or not np.isfinite(loss.values).all():
            continue
        before = trend(loss.values[index - width : index])
        # The drop right at the decay is noise that the lower LR averages out.
        skip = width // 5
        after = trend(loss.values[index + skip : index + width])
        was_falling = _stopped(before, after) and -before.slope * width > (
            MIN_FALL * median(loss.values[index - 5 : index])
        )
        was_of_use = _helped_validation(curves, at - width, at)
        if was_falling and was_of_use and _had_room(curves, index):
            slopes: Evidence = {
                "slope_before": rounded(before.slope),
                "slope_after": rounded(after.slope),
            }
            return _finding(at, before_lr, after_lr, slopes)
    return None


def _was_cut(curves: Curves, at: int, factor: float) -> bool:
    """Whether the LR was cut so early and so far that nothing could be learned since."""
    last = curves.loss.last_iteration or 0
    if factor < CUT or at > CUT_BEFORE * last:
        return False
    late = list(late_ratios(curves).values())
    return bool(late) and median(late) < TOO_LOW_TYPICAL


def _finding(
    at: int,
    before_lr: float,
    after_lr: float,
    evidence: Evidence | None = None,
    *,
    is_slight: bool = False,
) -> Finding:
    cut = f"the LR went from {format_power(before_lr)} to {format_power(after_lr)}"
    return Finding(
        kind="lr_decayed_too_early",
        severity=Severity.LOW if is_slight else Severity.MEDIUM,
        confidence=Confidence.LOW if is_slight else Confidence.MEDIUM,
        summary=(
            f"Since {cut} at iteration {at}, weights hardly move, and nothing more is "
            "learned."
            if is_slight
            else f"The loss was still falling when {cut} at iteration {at}, and hardly "
            "falls since."
        ),
        evidence={
            "iteration": at,
            "lr_before": rounded(before_lr),
            "lr_after": rounded(after_lr),
            **(evidence or {}),
        },
        advice=(
            Advice(text="Keep the LR longer before lowering it."),
            Advice(text="Or lower it smoothly: a cosine over the whole run."),
        ),
    )


def _decays(curves: Curves) -> list[tuple[int, float, float]]:
    lr = curves.lr
    pairs = zip(lr.iterations[1:], lr.values[:-1], lr.values[1:], strict=True)
    return [
        (int(at), float(before), float(after))
        for at, before, after in pairs
        if after > 0 and before >= MIN_DECAY * after
    ]


def _stopped(before: Trend, after: Trend) -> bool:
    return before.falls and abs(min(after.slope, 0.0)) < SLOWED * abs(before.slope)


def _helped_validation(curves: Curves, since: int, at: int) -> bool:
    """Whether the validation loss fell meanwhile, too, as far as it was measured.

    What falls for the training data alone is learned by heart, and is no loss.
    """
    measured = curves.val_loss.until(at)
    earlier = finite(measured.until(since).values)
    values = finite(measured.values)
    if len(values) < 2:
        return True
    first = earlier[-1] if len(earlier) else values[0]
    return float(values[-1]) < (1 - MIN_VAL_FALL) * float(first)


def _had_room(curves: Curves, index: int) -> bool:
    values = curves.loss.values
    start, there = (
        start_of(values),
        median(values[index - 5 : index]),
    )
    return there > MIN_REMAINING * start
