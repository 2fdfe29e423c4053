"""Updates too small to get anywhere."""

from typing import Final

import numpy as np

from tuitrain.diagnosis.curves import Curves, tail
from tuitrain.diagnosis.findings import rounded, scaled_lr
from tuitrain.diagnosis.numerics import finite, median, start_of, trend
from tuitrain.diagnosis.rules.class_collapse import find_class_collapse
from tuitrain.diagnosis.rules.loss_not_decreasing import has_dropped
from tuitrain.diagnosis.rules.needs_longer_training import find_needs_longer_training
from tuitrain.diagnosis.rules.progress import explained_share
from tuitrain.diagnosis.rules.update_ratios import (
    DEAD,
    GOOD_EARLY,
    LEAST_STEP,
    MIN_ITERATIONS,
    ROOM,
    TARGET,
    TOO_LOW,
    early_ratios,
    factor_up,
    late_ratios,
    ways,
)
from tuitrain.events import Advice, Confidence, Finding, Severity
from tuitrain.units import format_number, format_power

TOO_LOW_TYPICAL: Final = 2e-4
"""The same for the median layer: a fifth of the lowest one of the benchmark's healthy
runs, 1.0e-3. A small last layer may move while all others stand still."""
SHORT_WAY: Final = 0.1
"""Length of all updates of the median layer together, in units of its weights, up to which
it can't have left where it began. Ours: 0.33 and more in healthy runs of the benchmark
whatever their length, at most 0.04 in those with an LR far too low."""
SHORT_WAY_OF_ALL: Final = 1.0
"""The same for the layer that moved most: less than its own weights."""
LITTLE_WAY: Final = 0.5
"""Length up to which a training that is not done has hardly begun. Ours: one healthy run
of the benchmark in 200 is below."""
MOST_TRIED: Final = 10.0
"""Factor by which the LR is raised at once where it is only possibly too low. Ours."""
MIN_CREEPING: Final = 5
"""Evaluations that can tell a slow fall from none: all in order are one chance of 120."""
STILL_HIGH: Final = 0.5
"""Share of its highest value that the LR has at the end of a run that may creep."""
GOOD_FIT: Final = 0.9
"""Share of the way from chance to a fit from which no more is needed. Ours."""
SLOW: Final = 4e-4
"""Ratio on average over the whole run that is too low as well: a short run has a short
way at any LR."""


def find_lr_too_low(curves: Curves) -> Finding | None:
    """Find updates so small, in most layers, that the loss has not come down far.

    Returns:
        The finding, or None: some layer moves, the loss has come down to half, or there
        are fewer than `MIN_READINGS` readings.
    """
    late = late_ratios(curves)
    values = finite(curves.loss.values)
    if not late or len(values) < MIN_ITERATIONS:
        return None
    highest = max(late.values())
    typical = median(list(late.values()))
    start, end = start_of(values), median(tail(values, 0.2))
    # All of them dead: that is another fault, and no LR mends it.
    if highest <= DEAD or end < 0.5 * start:
        return None
    if not _is_low(curves, highest, typical) and not _stayed(curves):
        return None
    factor = float(f"{factor_up(typical):.1g}")
    return Finding(
        kind="lr_too_low",
        severity=Severity.MEDIUM,
        confidence=Confidence.MEDIUM,
        summary=(
            f"An update changes a layer by {format_power(typical)} of its weights; "
            f"about {format_power(TARGET)} is usual."
        ),
        evidence={
            "median_ratio": rounded(typical),
            "highest_ratio": rounded(highest),
            "lr": curves.configured_lr,
        },
        advice=(_raise_lr(curves, factor),),
    )


def find_lr_perhaps_too_low(curves: Curves) -> Finding | None:
    """Find small updates in a training that is not done, so that more of it may help less.

    Returns:
        The finding, `low`; None: the loss no longer falls to the end and several classes
        are told apart, the updates are of a usual size, the weights have moved, or the
        model fits.
    """
    lengths, early = list(ways(curves).values()), list(early_ratios(curves).values())
    values = finite(curves.loss.values)
    if not lengths or not early or not len(values):
        return None
    is_done = (
        has_dropped(values, curves.chance)
        and not find_needs_longer_training(curves)
        and not _creeps(curves)
        and not find_class_collapse(curves)
    )
    began, way = median(early), median(lengths)
    is_small = DEAD < began < ROOM and way < LITTLE_WAY
    if is_done or not is_small or (explained_share(curves) or 0.0) > GOOD_FIT:
        return None
    factor = float(f"{np.clip(GOOD_EARLY / began, LEAST_STEP, MOST_TRIED):.1g}")
    return Finding(
        kind="lr_too_low",
        severity=Severity.LOW,
        confidence=Confidence.LOW,
        summary=(
            f"The first updates are {format_power(began)} of the weights (about "
            f"{format_power(GOOD_EARLY)} is usual then), and all of them together are "
            f"{format_number(way, 2)} times as long as these: a higher LR may do it."
        ),
        evidence={
            "early_ratio": rounded(began),
            "way": rounded(way),
            "lr": curves.configured_lr,
        },
        advice=(_raise_lr(curves, factor),),
    )


def _creeps(curves: Curves) -> bool:
    """Whether what is validated still gets better at the end, however little.

    Not where a schedule has taken the LR away: that is what the end is slow by.
    """
    rates = finite(curves.lr.values)
    if len(rates) and rates[-1] < STILL_HIGH * rates.max():
        return False
    losses = tail(finite(curves.val_loss.values), 0.5)
    return len(losses) >= MIN_CREEPING and trend(losses).falls


def _raise_lr(curves: Curves, factor: float) -> Advice:
    return Advice(
        text=f"Raise the LR by {factor:g}.",
        change=scaled_lr(curves.configured_lr, factor),
    )


def _is_low(curves: Curves, highest: float, typical: float) -> bool:
    # Large at first and small now: it was thrown somewhere flat.
    began_low = max(early_ratios(curves).values(), default=0.0) < TARGET
    return began_low and (highest < TOO_LOW or typical < TOO_LOW_TYPICAL)


def _stayed(curves: Curves) -> bool:
    """Whether all updates together could not take the weights far from their start."""
    lengths = list(ways(curves).values())
    iterations = curves.loss.last_iteration or 0
    if not lengths or not iterations:
        return False
    typical = median(lengths)
    is_short = typical < SHORT_WAY and max(lengths) < SHORT_WAY_OF_ALL
    return is_short and typical < SLOW * iterations
