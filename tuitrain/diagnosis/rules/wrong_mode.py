"""The model is trained in evaluation mode, or measured in training mode."""

from tuitrain.diagnosis.curves import Curves
from tuitrain.diagnosis.findings import listed
from tuitrain.events import Advice, Confidence, Finding, Inspection, Severity


def find_wrong_mode(curves: Curves) -> Finding | None:
    """Find dropout and batch normalization in the wrong mode, pass after pass.

    Returns:
        The finding, or None: some of them are in the right one (a normalization that is
        frozen in fine-tuning, say), or the model has no such layer.
    """
    seen = curves.inspection
    if seen is None or not seen.mode_layers:
        return None
    if _is_all(seen.off_in_training, seen):
        return _finding(
            "training",
            seen.off_in_training,
            "The model is trained in evaluation mode: "
            f"{listed(seen.off_in_training)} never work as in training.",
            Advice(text="Call model.train() before each epoch of training."),
            Advice(text="Call model.train() again after each validation."),
        )
    if len(curves.val_loss) and _is_all(seen.on_in_validation, seen):
        return _finding(
            "validation",
            seen.on_in_validation,
            "The model is validated in training mode: "
            f"{listed(seen.on_in_validation)} still work as in training.",
            Advice(text="Call model.eval() before each validation."),
            Advice(text="And model.train() after it."),
        )
    return None


def _is_all(names: list[str], seen: Inspection) -> bool:
    # A long list is cut by who made it.
    return len(names) == min(seen.mode_layers, 10)


def _finding(phase: str, names: list[str], summary: str, *advice: Advice) -> Finding:
    return Finding(
        kind="wrong_mode",
        severity=Severity.HIGH,
        confidence=Confidence.HIGH,
        summary=summary,
        evidence={"phase": phase, "layers": list(names)},
        advice=advice,
    )
