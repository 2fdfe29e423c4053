"""Single layers that learn at quite another pace than the others."""

from typing import Final

from tuitrain.diagnosis.curves import Curves
from tuitrain.diagnosis.findings import listed, rounded
from tuitrain.diagnosis.numerics import median
from tuitrain.diagnosis.rules.update_ratios import DEAD, late_ratios
from tuitrain.events import Advice, Confidence, Finding, Severity
from tuitrain.units import format_power

FAR_OFF: Final = 100.0
"""Factor between a layer's ratio and the median of all that is worth a word. Ours."""


def find_update_ratio_off(curves: Curves) -> Finding | None:
    """Find single layers that learn far more slowly or faster than the others.

    Returns:
        `medium` if a layer does not move at all while others do, `low` if one is
        `FAR_OFF` the median; None: neither, or a single layer.
    """
    late = late_ratios(curves)
    if len(late) < 2:
        return None
    typical = median(list(late.values()))
    if typical <= DEAD:
        return None
    dead = [name for name, ratio in late.items() if ratio <= DEAD]
    off = [n for n, r in late.items() if r < typical / FAR_OFF or r > typical * FAR_OFF]
    names = dead or off
    if not names:
        return None
    what = "never moves" if dead else "learns at quite another pace than the others"
    return Finding(
        kind="update_ratio_off",
        severity=Severity.MEDIUM if dead else Severity.LOW,
        confidence=Confidence.MEDIUM,
        summary=f"{listed(names)} {what} (median update ratio {format_power(typical)}).",
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
