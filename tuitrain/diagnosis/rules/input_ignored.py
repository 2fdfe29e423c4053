"""The output is the same whatever the input is."""

from typing import Final

from tuitrain.diagnosis.curves import Curves
from tuitrain.diagnosis.findings import name_layer
from tuitrain.events import Advice, Confidence, Evidence, Finding, Severity

MIN_ITERATIONS: Final = 5
"""Before any update a last layer that begins at zero answers the same to everything."""

MIN_SAMPLES: Final = 16
"""Samples that are all 0, so that they are no padding of a few."""


def find_input_ignored(curves: Curves) -> Finding | None:
    """Find a model that answers the same to every sample of a minibatch.

    Returns:
        The finding, or None: the answers differ, or there was no look after
        `MIN_ITERATIONS`; and what the first layer is fed is not all 0.

    Source:
        Karpathy 2019, "A Recipe for Training Neural Networks": an input-independent
        baseline. Here it is looked for in the model itself.
    """
    seen = curves.inspection
    if seen is None:
        return None
    inputs = seen.inputs
    if inputs is not None and inputs.samples >= MIN_SAMPLES and not inputs.largest:
        return _finding(
            f"All that {name_layer(inputs.layer)}, the first layer, is fed is 0.",
            {"samples": inputs.samples, "at_start": True},
        )
    if seen.varies_with_input is not False or seen.iterations < MIN_ITERATIONS:
        return None
    return _finding(
        "The model gives the same answer to every sample of a minibatch.",
        {"iterations": seen.iterations},
    )


def _finding(summary: str, evidence: Evidence) -> Finding:
    return Finding(
        kind="input_ignored",
        severity=Severity.CRITICAL,
        confidence=Confidence.HIGH,
        summary=summary,
        evidence=evidence,
        advice=(
            Advice(text="Follow the input through forward(): where is it lost?"),
            Advice(text="Look for inputs multiplied by 0, overwritten or masked."),
        ),
    )
