"""Validation samples that the model is trained on."""

from typing import Final

from tuitrain.diagnosis.curves import Curves
from tuitrain.diagnosis.findings import rounded
from tuitrain.events import Advice, Confidence, Finding, Severity
from tuitrain.units import format_percent

MIN_SHARE: Final = 0.01
"""Of the validation samples. Ours: 1 % moves an accuracy by less than its error."""
ALL: Final = 0.999
"""From here on the validation data is the training data, which may be meant so while a
script is tried out."""
OVER_NATURAL: Final = 3.0
"""Times the share of training samples that are there twice: data with few different
values has twins in any split."""


def find_train_val_leakage(curves: Curves) -> Finding | None:
    """Find validation samples that equal training samples bit for bit.

    Returns:
        `high` from `MIN_SHARE` on, `low` below it, `medium` if it is all of them; None: there are none beyond what the
        training data has within itself, or the data could not be compared.
    """
    seen = curves.inspection
    if seen is None or seen.twins is None or not seen.twins:
        return None
    expected = seen.twins_within if seen.twins_expected is None else seen.twins_expected
    natural = OVER_NATURAL * (expected or 0.0)
    if seen.twins <= natural:
        return None
    severity = Severity.HIGH if seen.twins > MIN_SHARE + natural else Severity.LOW
    if seen.twins >= ALL:
        severity = Severity.MEDIUM
    return Finding(
        kind="train_val_leakage",
        severity=severity,
        confidence=Confidence.HIGH,
        summary=(
            f"{format_percent(seen.twins)} of the validation samples are training "
            "samples, too: the validation figures are too good."
        ),
        evidence={
            "share": rounded(seen.twins),
            "share_within_training": rounded(seen.twins_within),
        },
        advice=(
            Advice(text="Take duplicates out before the data is split."),
            Advice(text="Split by group: all samples of a person, say, on one side."),
        ),
    )
