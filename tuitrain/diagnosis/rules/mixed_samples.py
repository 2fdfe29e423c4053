"""The answer to one sample depends on the others in its minibatch."""

from tuitrain.diagnosis.curves import Curves
from tuitrain.events import Advice, Confidence, Finding, Severity


def find_mixed_samples(curves: Curves) -> Finding | None:
    """Find information that flows between the samples of a minibatch.

    Looked for in evaluation mode, in which batch normalization does not mix them.

    Returns:
        The finding, or None: each sample is on its own, or it could not be told.

    Source:
        Karpathy 2019, "A Recipe for Training Neural Networks": use backprop to chart
        dependencies. Here the other samples change places.
    """
    seen = curves.inspection
    if seen is None or not seen.mixed_samples:
        return None
    return Finding(
        kind="mixed_samples",
        severity=Severity.CRITICAL,
        confidence=Confidence.HIGH,
        summary=(
            "The answer to a sample changes when the others in its minibatch change "
            "places."
        ),
        evidence={"output_shape": str(tuple(seen.output_shape))},
        advice=(
            Advice(text="Look for view() or reshape() where transpose() is meant."),
            Advice(text="Look for sums, softmax or norms over dimension 0."),
        ),
    )
