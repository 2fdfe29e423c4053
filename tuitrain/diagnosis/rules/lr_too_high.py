"""Updates so large that the loss can't settle."""

from typing import Final

from tuitrain.diagnosis.curves import Curves
from tuitrain.diagnosis.findings import rounded
from tuitrain.diagnosis.numerics import Numbers, finite, gain, median, start_of, trend
from tuitrain.diagnosis.rules.dead_relu import MANY
from tuitrain.diagnosis.rules.progress import explained_share
from tuitrain.diagnosis.rules.underfitting import is_beaten_on_new
from tuitrain.diagnosis.rules.update_ratios import (
    MIN_ITERATIONS,
    TARGET,
    TOO_HIGH_FIRST,
    TOO_HIGH_LATE,
    divide_lr,
    early_ratios,
    first_ratio,
    highest_ratio,
    late_ratios,
)
from tuitrain.events import Advice, Confidence, Finding, Severity
from tuitrain.units import format_number, format_percent, format_power

MIN_GAIN: Final = 0.05
"""Relative fall of the loss within the second half that counts as one. Ours."""
FAR_FROM_ZERO: Final = 0.2
"""Share of the initial loss above which the second half is not fitted. Ours."""
BROKE: Final = 0.3
"""Ratio of the median layer that a training does not survive. Ours: twice the highest
early ratio of the benchmark's healthy runs, 0.16 with RMSprop."""
DIED: Final = 0.4
"""Share of a layer's units that were alive before the first update and are dead now.
Ours: in healthy runs of the benchmark at most 0.2 die."""
MIN_UNITS: Final = 8
GOOD_FIT: Final = 0.5
"""Share of the way from chance to a fit. Ours."""
BEST_FIT: Final = 0.9
"""The same, from which not even first updates far too large did harm, if no plain method
does better on new samples. Ours."""
SPIKE: Final = 10.0
"""Highest loss over the initial one that only updates far too large bring about. Ours:
the healthy digits runs stay below 1.5."""


def find_lr_too_high(curves: Curves) -> Finding | None:
    """Find updates so large that the loss can't settle.

    A high ratio alone says little, healthy runs begin high: the loss must stand still
    far from zero as well. Updates that threw the loss far up at first, and so killed the
    units, may be small by now.

    Returns:
        The finding, `low` if the first updates were far too large and the loss settles
        all the same, short of a fit; None: neither, or there is too little data.
    """
    early, late = early_ratios(curves), late_ratios(curves)
    values = finite(curves.loss.values)
    highest = highest_ratio(curves)
    if len(values) < len(curves.loss) and highest > BROKE:
        return _broke(curves, highest)
    if not late or len(values) < MIN_ITERATIONS:
        return None
    # Even a noisy end is no fault of the LR where the model fits well.
    spike = float(values.max()) / max(start_of(values), 1e-12)
    fits = (explained_share(curves) or 0.0) > GOOD_FIT
    died = _share_that_died(curves)
    began = first_ratio(curves)
    if fits and spike <= SPIKE and died < MANY and not _is_shaken(curves, began):
        return None
    typical = median(list(late.values()))
    first = max(early.values(), default=0.0)
    is_large = typical > TOO_HIGH_LATE or began > TOO_HIGH_FIRST or spike > SPIKE
    is_unsettled = died >= DIED or (is_large and _unsettled(values))
    if not is_unsettled and not _may_be_shaken(curves, began):
        return None
    top = format_number(float(values.max()), 3)
    is_plain = spike > SPIKE or died >= DIED
    killed = (
        f" killed {format_percent(died)} of a layer's units" if died >= DIED else ""
    )
    severity = Severity.HIGH if is_plain and not fits else Severity.MEDIUM
    confidence = Confidence.HIGH if is_plain else Confidence.MEDIUM
    if not is_unsettled:
        severity, confidence = Severity.LOW, Confidence.LOW
    ends = "; the loss does not settle" if is_unsettled else " at first"
    thrown = f" threw the loss up to {top}" if spike > SPIKE else ""
    return Finding(
        kind="lr_too_high",
        severity=severity,
        confidence=confidence,
        summary=(
            f"Updates of {format_power(max(first, typical, began))} of the weights (about "
            f"{format_power(TARGET)} is usual){killed or thrown}{ends}."
        ),
        evidence={
            "died": rounded(died),
            "late_ratio": rounded(typical),
            "early_ratio": rounded(first),
            "first_ratio": rounded(began),
            "highest_loss": rounded(float(values.max())),
            "lr": curves.configured_lr,
        },
        advice=(
            divide_lr(curves),
            Advice(text="Warm the LR up, or take larger minibatches."),
        ),
    )


def _is_shaken(curves: Curves, began: float) -> bool:
    is_poor = (explained_share(curves) or 0.0) < BEST_FIT or is_beaten_on_new(curves)
    return began > TOO_HIGH_FIRST and is_poor


def _may_be_shaken(curves: Curves, began: float) -> bool:
    """Whether first updates were far too large for weights that are not zero at first."""
    seen = curves.inspection
    is_zero = seen is None or bool(seen.alike_at_start)
    return _is_shaken(curves, began) and not is_zero


def _broke(curves: Curves, highest: float) -> Finding:
    return Finding(
        kind="lr_too_high",
        severity=Severity.CRITICAL,
        confidence=Confidence.MEDIUM,
        summary=(
            f"An update changed a layer by {format_power(highest)} of its weights "
            f"(about {format_power(TARGET)} is usual) before the loss became NaN."
        ),
        evidence={"highest_ratio": rounded(highest), "lr": curves.configured_lr},
        advice=(
            divide_lr(curves),
            Advice(text="Warm the LR up, and clip the gradient norm."),
        ),
    )


def _share_that_died(curves: Curves) -> float:
    """Return the largest share of a layer's units that died since the first update."""
    seen = curves.inspection
    if seen is None:
        return 0.0
    before = {unit.name: unit.dead for unit in seen.units_at_start}
    died = [
        u.dead - before.get(u.name, 0.0) for u in seen.units if u.units >= MIN_UNITS
    ]
    return max(died, default=0.0)


def _unsettled(values: Numbers) -> bool:
    """Whether the second half hardly falls, and stays far from zero."""
    half = values[len(values) // 2 :]
    falls = trend(half).falls and gain(half) > MIN_GAIN
    return not falls and median(half) > FAR_FROM_ZERO * start_of(values)
