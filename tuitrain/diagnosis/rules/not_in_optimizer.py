"""Parameters that get gradients and that nobody updates."""

from tuitrain.diagnosis.curves import Curves
from tuitrain.diagnosis.findings import listed
from tuitrain.events import Advice, Confidence, Finding, Severity


def find_not_in_optimizer(curves: Curves) -> Finding | None:
    """Find trainable parameters that no optimizer holds.

    Returns:
        `critical` if they are half of all or more, else `high`; None: each is held by
        one, or frozen by `requires_grad=False`.
    """
    seen = curves.inspection
    if seen is None or not seen.not_in_optimizer:
        return None
    names = seen.not_in_optimizer
    trained = max(1, seen.parameters - len(seen.frozen))
    return Finding(
        kind="not_in_optimizer",
        severity=Severity.CRITICAL if 2 * len(names) >= trained else Severity.HIGH,
        confidence=Confidence.HIGH,
        summary=(
            f"No optimizer holds {len(names)} of {trained} trainable parameters: "
            f"{listed(names)}."
        ),
        evidence={"parameters": list(names), "trainable": trained},
        advice=(
            Advice(
                text="Give the optimizer model.parameters(), after the model is complete."
            ),
            Advice(text="Keep layers in nn.ModuleList, not in a plain list."),
            Advice(text="If they are meant to rest, set requires_grad=False on them."),
        ),
    )
