"""The start was badly chosen: inputs hardly reach the outputs, or the loss stays flat."""

from typing import Final

import numpy as np

from tuitrain.diagnosis.curves import Curves
from tuitrain.diagnosis.findings import rounded
from tuitrain.diagnosis.numerics import (
    Numbers,
    block_medians,
    finite,
    median,
    noise,
    start_of,
)
from tuitrain.diagnosis.rules.narrow_head import narrow_head
from tuitrain.events import Advice, Confidence, Finding, Severity
from tuitrain.units import format_number, format_power

MIN_FLAT_ITERATIONS: Final = 20
"""A shorter flat start costs nothing."""
MIN_FLAT_SHARE: Final = 0.1
"""Share of the run that the flat start must last to be worth a word."""
KNEE_SHARE: Final = 0.2
"""The flat part ends where the loss has done a fifth of its whole fall for good."""
FALLEN_SHARE: Final = 0.9
"""Most of the fall is over where this share of it has happened first."""
MIN_FLAT_TO_FALL: Final = 2.0
"""How much longer the flat part must take than most of the fall. Ours: 0.2 to 0.9 in
runs that fall from the start, however slowly; 5 in a deep sigmoid network."""
MIN_FALL: Final = 0.2
"""Share of the starting loss that the fall must have, for a flat start to be one."""
MAX_RISE: Final = 1.3
"""A loss that first rises above its start by this factor was thrown up, not flat."""
AT_CHANCE: Final = 0.93
"""Of the chance loss: below, something was learned, and the start was not flat."""
MAX_BLOCKS: Final = 100
MIN_BLOCKS: Final = 10
KNEE_ERRORS: Final = 3.0
"""Deviations of a block from the curve that the knee must stand out by: the end of the flat
part is told by the last block that is above, and one of many is so by chance."""
MIN_SPREAD: Final = 0.02
"""Share of the outputs that must depend on the sample before the first update. Ours: at
least 0.2 in healthy runs of the benchmark without normalization layers, at most 0.018
with weights too small for their depth."""
FAINT_SPREAD: Final = 0.06
"""The same, from which the weights may be why. Ours: three times that bound."""
WHOLE_LAYER: Final = 0.9
"""Share of dead or saturated units from which a layer itself stops what goes through."""

LARGEST_GAIN: Final = 5 / 3
"""Largest scale that a usual initialization gives weights, that for tanh. Source: PyTorch,
`torch.nn.init.calculate_gain`."""
LARGE_SCALE: Final = 1.5 * LARGEST_GAIN
"""Ours: room for what a small layer draws by chance, and for Xavier's mean of both fans,
which lets a layer of few outputs have 1.4 times as much."""
HUGE_SCALE: Final = 4 * LARGEST_GAIN
"""Scale from which it is an alarm: models that are tuned on begin with what training left
behind, which may well be above the bound before. Ours."""

_ADVICE: Final = (
    Advice(text="Initialize the weights by Kaiming (ReLU) or Xavier (tanh)."),
    Advice(text="Put normalization layers between the others."),
    Advice(text="Normalize the inputs; warm the LR up."),
)


def find_faint_signal(curves: Curves) -> Finding | None:
    """Find a model whose outputs hardly depend on its inputs before the first update.

    What tells samples apart is then lost in the biases on the way, and so are gradients
    on the way back. With normalization layers it is not, whatever the weights.

    Returns:
        The finding, `low` if some gets through; None: most does, a layer that is dead,
        saturated, narrow or zero on purpose explains it, or nothing was looked at.

    Source:
        Schoenholz et al. 2017, arXiv:1611.01232: with too small weights all samples
        converge to one on their way through a deep network. The threshold is ours.
    """
    seen = curves.inspection
    if seen is None or seen.output_spread is None or seen.normalizations:
        return None
    if seen.output_spread >= FAINT_SPREAD or seen.alike_at_start:
        return None
    if narrow_head(curves):
        return None
    if seen.inputs is not None and not seen.inputs.rms:
        return None
    if any(max(u.dead, u.saturated) >= WHOLE_LAYER for u in seen.units_at_start):
        return None
    is_lost = seen.output_spread < MIN_SPREAD
    return Finding(
        kind="bad_initialization",
        severity=Severity.MEDIUM if is_lost else Severity.LOW,
        confidence=Confidence.HIGH if is_lost else Confidence.LOW,
        summary=(
            "Before the first update the outputs hardly depend on the inputs: "
            f"{format_power(seen.output_spread)} of them differs between samples."
        ),
        evidence={"output_spread": rounded(seen.output_spread), "at_start": is_lost},
        advice=_ADVICE,
    )


def find_large_weights(curves: Curves) -> Finding | None:
    """Find weights that begin larger than any usual initialization makes them.

    Updates are then small beside them, and a normalization layer hides them from the
    first loss.

    Returns:
        The finding, `low` where training may have left such weights behind, as in a model
        that is tuned on; None: they are of a usual size, or nothing was looked at.

    Source:
        He et al. 2015, arXiv:1502.01852: the variance that keeps a signal's size is the
        gain's square over the fan.
    """
    seen = curves.inspection
    if seen is None or seen.weight_scale is None or seen.weight_scale < LARGE_SCALE:
        return None
    is_huge = seen.weight_scale >= HUGE_SCALE
    return Finding(
        kind="bad_initialization",
        severity=Severity.MEDIUM if is_huge else Severity.LOW,
        confidence=Confidence.MEDIUM if is_huge else Confidence.LOW,
        summary=(
            f"Weights of {seen.weight_scale_layer} begin at "
            f"{format_number(seen.weight_scale / LARGEST_GAIN, 2)} times the largest usual "
            "size of random ones, so updates are small beside them."
        ),
        evidence={
            "layer": seen.weight_scale_layer,
            "weight_scale": rounded(seen.weight_scale),
        },
        advice=(
            Advice(text="Initialize the weights by Kaiming (ReLU) or Xavier (tanh)."),
            Advice(text="If they come from a trained model, leave them as they are."),
        ),
    )


def find_bad_initialization(curves: Curves) -> Finding | None:
    """Find a flat start that gives way to a fall.

    Returns:
        The finding, or None: no flat start, an LR that rises meanwhile (a warm-up
        explains it), or a run that is too short.

    Source:
        CS231n lecture 11, "loss curves": flat at first and then down is a bad
        initialization. Thresholds ours.
    """
    values = finite(curves.loss.values)
    blocks = _quiet_blocks(values)
    if blocks is None or len(values) < 2 * MIN_FLAT_ITERATIONS:
        return None
    start, end = start_of(blocks), median(blocks[-len(blocks) // 10 :])
    fall = start - end
    if fall < MIN_FALL * abs(start):
        return None
    above = np.flatnonzero(blocks > start - KNEE_SHARE * fall)
    knee = int(above[-1]) + 1
    fallen = int(np.argmax(blocks < start - FALLEN_SHARE * fall))
    iterations = round(knee * len(values) / len(blocks))
    if curves.chance is not None and start < AT_CHANCE * curves.chance:
        return None
    is_short = iterations < max(MIN_FLAT_ITERATIONS, MIN_FLAT_SHARE * len(values))
    is_gradual = knee < MIN_FLAT_TO_FALL * max(fallen - knee, 1)
    is_thrown_up = float(blocks[:knee].max(initial=start)) > MAX_RISE * start
    if is_short or is_gradual or is_thrown_up or _warms_up(curves, iterations):
        return None
    return Finding(
        kind="bad_initialization",
        severity=Severity.MEDIUM,
        confidence=Confidence.MEDIUM,
        summary=(
            f"The loss stays at {format_number(start, 3)} for the first {iterations} "
            "iterations and falls only then."
        ),
        evidence={
            "flat_iterations": iterations,
            "iterations": len(values),
            "start": rounded(start),
            "end": rounded(end),
        },
        advice=_ADVICE,
    )


def _quiet_blocks(values: Numbers) -> Numbers | None:
    """Return block medians whose noise is small beside the fall; None: there are none."""
    count = MAX_BLOCKS
    while count >= MIN_BLOCKS:
        blocks = block_medians(values, count)
        if len(blocks) < MIN_BLOCKS:
            return None
        fall = start_of(blocks) - median(blocks[-len(blocks) // 10 :])
        if KNEE_ERRORS * noise(blocks) < KNEE_SHARE * fall:
            return blocks
        count //= 2
    return None


def _warms_up(curves: Curves, until: int) -> bool:
    early = finite(curves.lr.until(until).values)
    return len(early) > 1 and bool(early.max() > early[0])
