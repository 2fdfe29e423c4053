"""The output is the same whatever the input is."""

from typing import Final

from tuitrain.diagnosis.curves import Curves
from tuitrain.diagnosis.findings import name_layer, rounded
from tuitrain.events import Advice, Confidence, Evidence, Finding, Severity
from tuitrain.units import format_percent

MIN_ITERATIONS: Final = 5
"""Before any update a last layer that begins at zero answers the same to everything."""

MIN_SAMPLES: Final = 16
"""Samples that are all 0, so that they are no padding of a few."""

BY_CHANCE: Final = 0.5
"""Share of what answers differ by that is there between two passes of the same sample,
too. Ours: it is 1 where samples change places or get lost at random, and small where a
model draws noise on purpose."""


def find_input_ignored(curves: Curves) -> Finding | None:
    """Find a model that answers the same to every sample of a minibatch.

    Returns:
        The finding, or None: the answers differ and not by chance, or there was no look
        after `MIN_ITERATIONS`; and what the first layer is fed is not all 0. `high`: the
        answers are mostly chance; else `critical`.

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
    if seen.chance_share is not None and seen.chance_share > BY_CHANCE:
        return _finding(
            "In evaluation mode, too, a sample gets another answer in each pass: "
            f"{format_percent(min(1.0, seen.chance_share))} of what answers differ by "
            "is chance.",
            {"chance_share": rounded(seen.chance_share), "at_start": True},
            Severity.HIGH,
        )
    if seen.varies_with_input is not False or seen.iterations < MIN_ITERATIONS:
        return None
    return _finding(
        "The model gives the same answer to every sample of a minibatch.",
        {"iterations": seen.iterations},
    )


def _finding(
    summary: str, evidence: Evidence, severity: Severity = Severity.CRITICAL
) -> Finding:
    return Finding(
        kind="input_ignored",
        severity=severity,
        confidence=Confidence.HIGH,
        summary=summary,
        evidence=evidence,
        advice=(
            Advice(text="Follow the input through forward(): where is it lost?"),
            Advice(
                text="Look for inputs multiplied by 0, masked, shuffled or overwritten."
            ),
        ),
    )
