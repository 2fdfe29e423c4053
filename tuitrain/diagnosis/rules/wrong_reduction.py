"""The loss grows with the minibatch: it is a sum, not a mean."""

import math
from typing import Final

import numpy as np

from tuitrain.diagnosis.curves import Curves
from tuitrain.diagnosis.findings import rounded, scaled_lr
from tuitrain.diagnosis.numerics import (
    MAD_TO_SD,
    MEDIAN_PENALTY,
    Numbers,
    median,
    medians_of,
)
from tuitrain.events import Advice, Confidence, Evidence, Finding, Inspection, Severity
from tuitrain.units import format_number, format_percent

SUM_RATIO: Final = (1.7, 2.3)
"""Loss of a minibatch over the mean loss of its halves: 1 for a mean, 2 for a sum. The
halves need not be alike, so neither is met exactly; the bounds are ours."""
LEAST_TIMES: Final = 3.0
"""Times the mean over samples from which a loss is no mean. Ours: smaller factors are
weights that are meant."""
MOST_TIMES: Final = 1.05
"""The same, over the size of the minibatch: more is the factor of a gradient scaler."""
AS_MANY: Final = 2.5
"""Factor within which the loss on all samples, over that of a first minibatch, must be
their number over its size. Ours: a first loss is 1 to 2 times that of the mean target."""
LARGEST_LAST: Final = 0.8
"""Share of a minibatch that the last one of an epoch may have, to be told from others."""
MIN_EPOCHS: Final = 4
MIN_ERRORS: Final = 4.0
"""Standard errors by which the losses of last minibatches must be below the others'.
Ours: one false finding in 30,000 trainings, if noise were normal."""
SUM_ERRORS: Final = 3.0
"""Those within which they must be of what a sum would make of them."""
MOST_ITERATIONS: Final = 5000
"""Iterations from the start that are looked at: more tell no more."""
NEIGHBOURS: Final = 4
"""Minibatches on either side that a last one is compared with."""


def find_wrong_reduction(curves: Curves) -> Finding | None:
    """Find a loss that is summed over the samples of a minibatch.

    The LR then depends on the size of the minibatch, and the last one of an epoch, which
    is smaller, weighs less. A loss of a script's own is not asked while it trains: there,
    what it sends back to the outputs tells, or those last minibatches.

    Returns:
        The finding, or None: it is a mean, or can't be told.
    """
    seen = curves.inspection
    ratio = seen.batch_loss_ratio if seen is not None else None
    if ratio is not None:
        if not SUM_RATIO[0] <= ratio <= SUM_RATIO[1]:
            return None
        told = f"a minibatch has {format_number(ratio, 3)} times the loss of its half"
        return _finding(curves, told, {"ratio": rounded(ratio)}, Confidence.HIGH)
    if seen is not None and seen.loss_scale is not None:
        return _from_scale(curves, seen, seen.loss_scale)
    times = _times_of_constant(curves)
    if times is not None:
        told = (
            f"answering the mean target costs {format_number(times, 3)} times as much on "
            "all samples as a first minibatch, and as the spread of the targets"
        )
        return _finding(curves, told, {"times_first": rounded(times)}, Confidence.HIGH)
    share = curves.last_batch
    measured = _loss_of_last(curves)
    if share is None or measured is None:
        return None
    told = (
        f"the last minibatch of an epoch, with {format_percent(share)} of the samples "
        f"of the others, has {format_percent(measured)} of their loss"
    )
    evidence: Evidence = {"last_batch": rounded(share), "its_loss": rounded(measured)}
    return _finding(curves, told, evidence, Confidence.MEDIUM)


def _times_of_constant(curves: Curves) -> float | None:
    """Return how many times its first minibatch a loss of the script's own costs on all.

    A model that was never trained is not far better than the best constant answer, unless
    that answer was asked on more samples and their losses were added up.

    Returns:
        None: that is not so, or the loss of a constant answer is not known.
    """
    facts, samples = curves.facts, curves.train_samples
    if facts is None or facts.kind is not None or not facts.constant_loss:
        return None
    if facts.target_second_moment is None or not samples or not facts.batch_size:
        return None
    if not len(curves.loss) or curves.loss.iterations[0] != 1:
        return None
    spread = facts.target_second_moment - (facts.target_mean or 0.0) ** 2
    first = float(curves.loss.values[0])
    if not (spread > 0 and first > 0 and math.isfinite(first)):
        return None
    times, parts = facts.constant_loss / first, samples / facts.batch_size
    is_far = min(times, facts.constant_loss / spread, parts) > LEAST_TIMES
    return times if is_far and 1 / AS_MANY < times / parts < AS_MANY else None


def _from_scale(curves: Curves, seen: Inspection, times: float) -> Finding | None:
    batch = (seen.output_shape or [0])[0]
    is_sum = batch > 1 and abs(times / batch - 1) < MOST_TIMES - 1
    if times > MOST_TIMES * batch or not (is_sum or times >= LEAST_TIMES):
        return None
    told = (
        f"its gradient is {format_number(times, 3)} times that of a mean over samples"
    )
    return _finding(curves, told, {"times_mean": rounded(times)}, Confidence.HIGH)


def _finding(
    curves: Curves, told: str, evidence: Evidence, confidence: Confidence
) -> Finding:
    facts = curves.facts
    batch = facts.batch_size if facts is not None else None
    change = scaled_lr(curves.configured_lr, 1 / batch) if batch else None
    return Finding(
        kind="wrong_reduction",
        severity=Severity.HIGH,
        confidence=confidence,
        summary=f"The loss is a sum over the minibatch, not a mean: {told}.",
        evidence={**evidence, "batch_size": batch},
        advice=(
            Advice(text='Use reduction="mean", or divide by the number of samples.'),
            Advice(
                text="Or divide the LR by the size of the minibatch.", change=change
            ),
        ),
    )


def _loss_of_last(curves: Curves) -> float | None:
    """Return the loss of last minibatches over that of their neighbours, if it is a sum's.

    None: it fits a mean better, or nothing is known of them.
    """
    share, length = curves.last_batch, curves.iterations_per_epoch
    if share is None or share > LARGEST_LAST or not length or length <= 2 * NEIGHBOURS:
        return None
    ratios = _log_ratios(curves.loss.values[:MOST_ITERATIONS])
    is_last = curves.loss.iterations[:MOST_ITERATIONS] % length == 0
    last = ratios[is_last & np.isfinite(ratios)]
    others = ratios[~is_last & np.isfinite(ratios)]
    if len(last) < MIN_EPOCHS or len(others) < NEIGHBOURS:
        return None
    centre = median(last)
    # With fewer samples a minibatch scatters more, and never less than it is seen to.
    noise = max(_scatter(others) / math.sqrt(share), _scatter(last))
    error = MEDIAN_PENALTY * noise / math.sqrt(len(last))
    is_below = centre < -MIN_ERRORS * error
    is_sum = abs(centre - math.log(share)) < SUM_ERRORS * error
    nearer = abs(centre - math.log(share)) < abs(centre)
    return math.exp(centre) if is_below and is_sum and nearer else None


def _log_ratios(losses: Numbers) -> Numbers:
    """Return the logarithm of each loss over the median of its neighbours, NaN at the ends."""
    window = 2 * NEIGHBOURS + 1
    ratios = np.full(len(losses), np.nan)
    if len(losses) < window:
        return ratios
    around = np.lib.stride_tricks.sliding_window_view(losses, window)
    around = np.delete(around, NEIGHBOURS, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = medians_of(around)
        inner = losses[NEIGHBOURS:-NEIGHBOURS] / middle
        ratios[NEIGHBOURS:-NEIGHBOURS] = np.where(inner > 0, np.log(inner), np.nan)
    return ratios


def _scatter(values: Numbers) -> float:
    return MAD_TO_SD * median(np.abs(values - median(values)))
