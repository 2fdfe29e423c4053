"""The output is the same whatever the input is."""

from typing import Final

from tuitrain.diagnosis.curves import Curves
from tuitrain.events import Advice, Confidence, Finding, Severity

MIN_ITERATIONS: Final = 5
"""Before any update a last layer that begins at zero answers the same to everything."""


def find_input_ignored(curves: Curves) -> Finding | None:
    """Find a model that answers the same to every sample of a minibatch.

    Returns:
        The finding, or None: the answers differ, or there was no look after
        `MIN_ITERATIONS`.

    Source:
        Karpathy 2019, "A Recipe for Training Neural Networks": an input-independent
        baseline. Here it is looked for in the model itself.
    """
    seen = curves.inspection
    if seen is None or seen.varies_with_input is not False:
        return None
    if seen.iterations < MIN_ITERATIONS:
        return None
    return Finding(
        kind="input_ignored",
        severity=Severity.CRITICAL,
        confidence=Confidence.HIGH,
        summary="The model gives the same answer to every sample of a minibatch.",
        evidence={"iterations": seen.iterations},
        advice=(
            Advice(text="Follow the input through forward(): where is it lost?"),
            Advice(text="Look for inputs multiplied by 0, overwritten or masked."),
        ),
    )
