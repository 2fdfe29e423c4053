"""What the size of the updates, relative to the weights, says about the LR."""

from typing import Final

import numpy as np

from tuitrain.diagnosis.curves import Curves, tail
from tuitrain.diagnosis.findings import rounded, scaled_lr
from tuitrain.diagnosis.numerics import Numbers, finite, gain, start_of, trend
from tuitrain.events import Advice, Confidence, Finding, Severity
from tuitrain.units import format_number, format_power

TARGET: Final = 1e-3
"""A healthy update ratio past the first iterations. Source: CS231n notes, "Ratio of
weights:updates"."""
EARLY_SHARE: Final = 0.1
"""The first part of a run, in which healthy ratios are ten times as high (a pilot's 60
healthy runs: median 0.9e-2 with AdamW, 1.6e-2 with SGD and momentum)."""
TOO_LOW: Final = 7e-5
"""Below the lowest late ratio of the pilot's healthy runs, 1.25e-4 with SGD and 1.07e-3
with AdamW; runs with too low an LR were at 8e-7 to 5.3e-5."""
TOO_HIGH_LATE: Final = 2e-2
"""Ten times and more above the late ratios of the pilot's healthy runs, 1.1e-3 to 1.4e-3
in the median."""
TOO_HIGH_EARLY: Final = 0.15
"""Above the early ratios of its healthy runs, 3.4e-2 with AdamW and 1.1e-1 with SGD."""
MIN_GAIN: Final = 0.05
"""Relative fall of the loss within the second half that counts as one. Ours."""
FAR_FROM_ZERO: Final = 0.2
"""Share of the initial loss above which the second half is not fitted. Ours."""
SPIKE: Final = 10.0
"""Highest loss over the initial one that only updates far too large bring about. Ours:
the healthy digits runs stay below 1.5."""
FAR_OFF: Final = 100.0
"""Factor between a layer's ratio and the median of all that is worth a word. Ours."""
DEAD: Final = 1e-9
"""Less than float32 can add to a weight of its own magnitude: nothing is learned."""
MIN_READINGS: Final = 10
MIN_ITERATIONS: Final = 20


def find_lr_too_low(curves: Curves) -> Finding | None:
    """Find updates so small, in every layer, that the loss has not come down far.

    Returns:
        The finding, or None: some layer moves, the loss has come down to half, or there
        are fewer than `MIN_READINGS` readings.
    """
    late = late_ratios(curves)
    values = finite(curves.loss.values)
    if not late or len(values) < MIN_ITERATIONS:
        return None
    highest = max(late.values())
    start, end = start_of(values), float(np.median(tail(values, 0.2)))
    # All of them dead: that is another fault, and no LR mends it. Large at first and
    # small now: it was thrown somewhere flat.
    began_low = max(_early_ratios(curves).values(), default=0.0) < TARGET
    if not DEAD < highest < TOO_LOW or not began_low or end < 0.5 * start:
        return None
    return Finding(
        kind="lr_too_low",
        severity=Severity.MEDIUM,
        confidence=Confidence.MEDIUM,
        summary=(
            f"An update changes no layer by more than {format_power(highest)} of its "
            f"weights; about {format_power(TARGET)} is usual."
        ),
        evidence={"highest_ratio": rounded(highest), "lr": curves.configured_lr},
        advice=(
            Advice(
                text="Raise the LR tenfold.", change=scaled_lr(curves.configured_lr, 10)
            ),
        ),
    )


def find_lr_too_high(curves: Curves) -> Finding | None:
    """Find updates so large that the loss can't settle.

    A high ratio alone says little, healthy runs begin high: the loss must stand still
    far from zero as well. Updates that threw the loss far up at first, and so killed the
    units, may be small by now.

    Returns:
        The finding, or None: one of the two is missing, or there is too little data.
    """
    early, late = _early_ratios(curves), late_ratios(curves)
    values = finite(curves.loss.values)
    if not late or len(values) < MIN_ITERATIONS:
        return None
    typical = float(np.median(list(late.values())))
    first = max(early.values(), default=0.0)
    spike = float(values.max()) / max(start_of(values), 1e-12)
    is_large = typical > TOO_HIGH_LATE or first > TOO_HIGH_EARLY or spike > SPIKE
    if not is_large or not _unsettled(values):
        return None
    highest = format_number(float(values.max()), 3)
    thrown = f" threw the loss up to {highest}" if spike > SPIKE else ""
    return Finding(
        kind="lr_too_high",
        severity=Severity.HIGH if spike > SPIKE else Severity.MEDIUM,
        confidence=Confidence.HIGH if spike > SPIKE else Confidence.MEDIUM,
        summary=(
            f"Updates of {format_power(max(first, typical))} of the weights (about "
            f"{format_power(TARGET)} is usual){thrown}; the loss does not settle."
        ),
        evidence={
            "late_ratio": rounded(typical),
            "early_ratio": rounded(first),
            "highest_loss": rounded(float(values.max())),
            "lr": curves.configured_lr,
        },
        advice=(
            Advice(
                text="Lower the LR to a third.",
                change=scaled_lr(curves.configured_lr, 1 / 3),
            ),
            Advice(text="Warm the LR up, or take larger minibatches."),
        ),
    )


def find_update_ratio_off(curves: Curves) -> Finding | None:
    """Find single layers that learn far more slowly or faster than the others.

    Returns:
        `medium` if a layer does not move at all while others do, `low` if one is
        `FAR_OFF` the median; None: neither, or a single layer.
    """
    late = late_ratios(curves)
    if len(late) < 2:
        return None
    typical = float(np.median(list(late.values())))
    if typical <= DEAD:
        return None
    dead = [name for name, ratio in late.items() if ratio <= DEAD]
    off = [n for n, r in late.items() if r < typical / FAR_OFF or r > typical * FAR_OFF]
    names = dead or off
    if not names:
        return None
    shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    what = "never moves" if dead else "learns at quite another pace than the others"
    return Finding(
        kind="update_ratio_off",
        severity=Severity.MEDIUM if dead else Severity.LOW,
        confidence=Confidence.MEDIUM,
        summary=f"{shown} {what} (median update ratio {format_power(typical)}).",
        evidence={
            "layers": list(names),
            "ratios": [float(f"{late[name]:.3g}") for name in names],
            "median": rounded(typical),
        },
        advice=(
            Advice(text="Make sure that gradients reach it: no detach, no dead ReLUs."),
            Advice(
                text="Check its initialization; put a normalization layer before it."
            ),
        ),
    )


def late_ratios(curves: Curves) -> dict[str, float]:
    """Return each layer's median ratio past the first part of the run."""
    after = EARLY_SHARE * (curves.loss.last_iteration or 0)
    late = {n: s.values[s.iterations > after] for n, s in curves.ratios.items()}
    return {
        name: float(np.median(finite(values)))
        for name, values in late.items()
        if len(finite(values)) >= MIN_READINGS
    }


def _early_ratios(curves: Curves) -> dict[str, float]:
    until = int(EARLY_SHARE * (curves.loss.last_iteration or 0))
    early = {n: finite(s.until(until).values) for n, s in curves.ratios.items()}
    return {n: float(np.median(v)) for n, v in early.items() if len(v) >= 3}


def _unsettled(values: Numbers) -> bool:
    """Whether the second half hardly falls, and stays far from zero."""
    half = values[len(values) // 2 :]
    falls = trend(half).falls and gain(half) > MIN_GAIN
    return not falls and float(np.median(half)) > FAR_FROM_ZERO * start_of(values)
