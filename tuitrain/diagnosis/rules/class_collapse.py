"""Whatever the sample, the answer is the same class."""

from typing import Final

from tuitrain.diagnosis.curves import Curves
from tuitrain.diagnosis.findings import rounded
from tuitrain.events import Advice, Confidence, Finding, Severity
from tuitrain.units import format_percent

MIN_ITERATIONS: Final = 40
"""In the first iterations every model names one class or two."""
TOP: Final = 0.95
MAX_PRIOR: Final = 0.8
"""Share of the most frequent class from which naming it alone may be right."""


def find_class_collapse(curves: Curves) -> Finding | None:
    """Find a classifier that names one class and next to nothing else.

    Returns:
        The finding, or None: it names several, one class is most of the data, or it is
        too early.
    """
    seen, facts = curves.inspection, curves.facts
    if seen is None or seen.top_class is None or seen.iterations < MIN_ITERATIONS:
        return None
    priors = facts.priors if facts is not None else None
    if not priors or len(priors) < 2 or max(priors) >= MAX_PRIOR:
        return None
    if seen.top_class < TOP:
        return None
    return Finding(
        kind="class_collapse",
        severity=Severity.HIGH,
        confidence=Confidence.HIGH,
        summary=(
            f"{format_percent(seen.top_class)} of the answers are one class; the most "
            f"frequent one is {format_percent(max(priors))} of the data."
        ),
        evidence={
            "share_of_answers": rounded(seen.top_class),
            "largest_prior": rounded(max(priors)),
            "classes": len(priors),
        },
        advice=(
            Advice(text="Look at class weights and at the order of the data: shuffle."),
            Advice(text="Check the bias of the last layer."),
            Advice(text="Make sure that the loss gets raw scores of all classes."),
        ),
    )
