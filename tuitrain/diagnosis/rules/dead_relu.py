"""ReLUs that are zero for every sample."""

from typing import Final

from tuitrain.diagnosis.curves import Curves
from tuitrain.diagnosis.findings import scaled_lr
from tuitrain.events import Advice, Confidence, Finding, Severity
from tuitrain.units import format_percent

MANY: Final = 0.5
"""Share of a layer's units. Source: SageMaker Debugger's DeadRelu."""
MOST: Final = 0.8
"""From here on the layer passes hardly anything. Source: between the 70 % of AutoTrainer
(Zhang et al. 2021) and all; ours."""
WHOLE: Final = 0.99
"""Nothing at all passes such a layer."""
MIN_UNITS: Final = 4


def find_dead_relu(curves: Curves) -> Finding | None:
    """Find layers of which most units are zero for every sample kept.

    Units that were dead before the first update speak of the initialization or of the
    inputs, others of updates that were too large.

    Returns:
        `high` if a layer has `MOST` dead, `medium` if `MANY`; None: no layer has, or
        there are no ReLUs.
    """
    seen = curves.inspection
    if seen is None:
        return None
    layers = [
        unit for unit in (seen.units or seen.units_at_start) if unit.kind == "relu"
    ]
    worst = max(
        (unit for unit in layers if unit.units >= MIN_UNITS),
        key=lambda unit: unit.dead,
        default=None,
    )
    if worst is None or worst.dead < MANY:
        return None
    began = next((u for u in seen.units_at_start if u.name == worst.name), None)
    is_early = began is not None and began.dead >= MANY
    return Finding(
        kind="dead_relu",
        severity=Severity.HIGH if worst.dead >= MOST else Severity.MEDIUM,
        confidence=Confidence.HIGH if worst.dead >= MOST else Confidence.MEDIUM,
        summary=(
            f"{format_percent(worst.dead)} of the units are dead in: {worst.name}"
            + (", already before the first update." if is_early else ".")
        ),
        evidence={
            "layer": worst.name,
            "dead": worst.dead,
            "dead_at_start": began.dead if began is not None else None,
            "at_start": is_early,
            "is_whole": worst.dead >= WHOLE,
            "units": worst.units,
            "layers": [unit.name for unit in layers if unit.dead >= MANY],
        },
        advice=_advise(curves, is_early=is_early),
    )


def _advise(curves: Curves, *, is_early: bool) -> tuple[Advice, ...]:
    lower = Advice(
        text="Lower the LR to a tenth.", change=scaled_lr(curves.configured_lr, 0.1)
    )
    start = Advice(
        text="Initialize by Kaiming, with biases at 0; normalize the inputs."
    )
    last = Advice(text="LeakyReLU or GELU, if nothing else helps.")
    return (start, lower, last) if is_early else (lower, start, last)
