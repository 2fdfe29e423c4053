"""tanh or sigmoid units in their flat ends, where no gradient comes through."""

from typing import Final

from tuitrain.diagnosis.curves import Curves
from tuitrain.events import Advice, Confidence, Finding, Severity, UnitFacts
from tuitrain.units import format_percent

MANY: Final = 0.5
"""Share of a layer's values. Source: DeepDiagnosis (Wardat et al. 2022) and SageMaker
Debugger's SaturatedActivation."""


def find_saturated_activations(curves: Curves) -> Finding | None:
    """Find hidden layers of which most values are saturated.

    Returns:
        `high` if it was so before the first update, `medium` if it came later; None: no
        layer is, or there are no such activations.

    Source:
        Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward
        neural networks". Bounds of the flat ends: `tuitrain.worker.inspection.units`.
    """
    seen = curves.inspection
    if seen is None:
        return None
    early, late = _worst(seen.units_at_start), _worst(seen.units)
    worst = early or late
    if worst is None:
        return None
    severity = Severity.HIGH if early is not None else Severity.MEDIUM
    when = " before the first update" if severity is Severity.HIGH else ""
    return Finding(
        kind="saturated_activations",
        severity=severity,
        confidence=Confidence.HIGH,
        summary=(
            f"{format_percent(worst.saturated)} of the values are saturated{when} in: "
            f"{worst.name}."
        ),
        evidence={
            "layer": worst.name,
            "saturated": worst.saturated,
            "units": worst.units,
        },
        advice=(
            Advice(text="Normalize the inputs, and initialize by Xavier."),
            Advice(text="Put a normalization layer before the activation."),
            Advice(text="Take ReLU or GELU in hidden layers."),
        ),
    )


def _worst(units: list[UnitFacts]) -> UnitFacts | None:
    worst = max(units, key=lambda unit: unit.saturated, default=None)
    return worst if worst is not None and worst.saturated >= MANY else None
