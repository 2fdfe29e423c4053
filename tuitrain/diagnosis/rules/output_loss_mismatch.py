"""The loss is given something else than it asks for."""

from typing import Final

from tuitrain.diagnosis.curves import Curves
from tuitrain.diagnosis.rules.progress import explained_share
from tuitrain.events import Advice, Confidence, Finding, Inspection, Severity

MIN_ITERATIONS: Final = 100
LEARNED: Final = 0.3
"""Share of the way from chance to a fit. Ours."""
MIN_ROWS: Final = 16
"""Outputs that must have looked alike before it counts. Ours: raw scores of 16 samples
that all lie in [0, 1] and sum to 1 within 1e-3 do not happen."""


def find_output_loss_mismatch(curves: Curves) -> Finding | None:
    """Compare what the model puts out with what its loss is defined on.

    Returns:
        The finding, or None: they fit, or the loss is not known.

    Source:
        torch's documentation of each loss; UMLAUT (Schoop et al. 2021,
        doi:10.1145/3411764.3445538) looks for a missing softmax.
    """
    seen, facts = curves.inspection, curves.facts
    if seen is None:
        return None
    if seen.is_broadcast and facts is not None and facts.kind is not None:
        return _broadcast(seen)
    kind = facts.kind if facts is not None else None
    if seen.outputs_seen < MIN_ROWS:
        return None
    if kind == "cross_entropy" and seen.are_probabilities:
        return _finding(
            "The model ends with a softmax and the cross-entropy applies it again: the "
            "loss can't come near 0 and gradients are small.",
            {"outputs": "probabilities", "loss": kind},
            "Take the softmax out of the model: CrossEntropyLoss wants raw scores.",
        )
    if kind == "cross_entropy" and seen.last_operation == "sigmoid":
        return _finding(
            "The model ends with a sigmoid, and the cross-entropy wants raw scores: no "
            "answer can be sure and gradients are small.",
            {"outputs": "in [0, 1]", "loss": kind},
            "Take the sigmoid out of the model: CrossEntropyLoss wants raw scores.",
        )
    if kind == "bce_with_logits" and _ends_in_sigmoid(curves, seen):
        return _finding(
            "The model ends with a sigmoid and the loss applies it again: no answer can "
            "be surer than 73 %.",
            {"outputs": "in [0, 1]", "loss": kind},
            "Take the sigmoid out of the model: BCEWithLogitsLoss wants raw scores.",
        )
    if kind in ("cross_entropy", "bce_with_logits") and seen.last_operation == "relu":
        return _finding(
            "The model ends with a ReLU, and the loss wants raw scores: none can be "
            "below 0, and where one is 0 no gradient comes back.",
            {"outputs": "0 or more", "loss": kind},
            "Take the ReLU out of the end of the model.",
        )
    if kind == "nll" and seen.are_log_probabilities is False:
        given = "probabilities" if seen.are_probabilities else "raw scores"
        return _finding(
            f"NLLLoss is given {given} where it needs log-probabilities.",
            {"outputs": given, "loss": kind},
            "Use nn.CrossEntropyLoss, which takes raw scores (logits).",
            "Or end the model with nn.LogSoftmax(dim=1) and keep NLLLoss.",
        )
    return None


def _ends_in_sigmoid(curves: Curves, seen: Inspection) -> bool:
    """Whether a sigmoid is the last thing in the model.

    Either it was seen there, or the model has learned and all its answers still lie in
    [0, 1], which raw scores leave as soon as they are sure.
    """
    if seen.last_operation == "sigmoid":
        return True
    stays = bool(seen.in_unit_interval and seen.in_unit_interval_later)
    is_late = seen.iterations >= MIN_ITERATIONS
    return stays and is_late and (explained_share(curves) or 0.0) > LEARNED


def _broadcast(seen: Inspection) -> Finding:
    outputs, targets = tuple(seen.output_shape), tuple(seen.target_shape)
    return _finding(
        "Outputs and targets of different shapes are spread out against each other: "
        "every output is compared with the targets of all samples.",
        {"output_shape": str(outputs), "target_shape": str(targets)},
        "Give both the same shape: outputs.squeeze(-1), or targets.unsqueeze(-1).",
    )


def _finding(summary: str, evidence: dict[str, str], *advice: str) -> Finding:
    return Finding(
        kind="output_loss_mismatch",
        severity=Severity.CRITICAL,
        confidence=Confidence.HIGH,
        summary=summary,
        evidence=dict(evidence),
        advice=tuple(Advice(text=text) for text in advice),
    )
