"""The answer to one sample depends on the others in its minibatch."""

from typing import Final

from tuitrain.diagnosis.curves import Curves
from tuitrain.events import Advice, Confidence, Finding, Severity

NO_CHANCE: Final = 1e-3
"""Share of chance in the answers up to which another answer speaks of the other samples.
Ours: rounding alone is far below."""


def find_mixed_samples(curves: Curves) -> Finding | None:
    """Find information that flows between the samples of a minibatch.

    Looked for in evaluation mode, in which batch normalization does not mix them.

    Returns:
        The finding, or None: each sample is on its own, or it could not be told, since
        a sample gets another answer in each pass whatever the others are.

    Source:
        Karpathy 2019, "A Recipe for Training Neural Networks": use backprop to chart
        dependencies. Here half of the samples change.
    """
    seen = curves.inspection
    if seen is None or not seen.mixed_samples:
        return None
    if seen.chance_share is not None and seen.chance_share > NO_CHANCE:
        return None
    return Finding(
        kind="mixed_samples",
        severity=Severity.CRITICAL,
        confidence=Confidence.HIGH,
        summary=("The answer to a sample changes when others in its minibatch do."),
        evidence={"output_shape": str(tuple(seen.output_shape))},
        advice=(
            Advice(text="Look for view() or reshape() where transpose() is meant."),
            Advice(text="Look for sums, softmax or norms over dimension 0."),
        ),
    )
