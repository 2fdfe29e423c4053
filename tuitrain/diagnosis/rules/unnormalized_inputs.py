"""What the first layer is fed is far from mean 0 and standard deviation 1."""

from typing import Final

from tuitrain.diagnosis.curves import Curves
from tuitrain.diagnosis.findings import name_layer, rounded
from tuitrain.events import Advice, Confidence, Finding, InputFacts, Severity
from tuitrain.units import format_number

MIN_SAMPLES: Final = 100
TOO_LARGE: Final = 10.0
"""Root mean square of all inputs. Ours: pixels 0..1 are at 0.3 to 0.6, standardized
columns at 1, raw pixels 0..255 at 50 and more."""
TOO_SMALL: Final = 0.02
TOO_FAR: Final = 5.0
"""Median over the features of |mean| over standard deviation. Ours; bounds of 0.2 and of
[-1, 1] alarmed on standardized data in a pilot."""
TOO_UNEVEN: Final = 100.0
"""Size of the largest feature over that of the median one."""


def find_unnormalized_inputs(curves: Curves) -> Finding | None:
    """Look at the scale of what the first layer with weights is fed.

    A normalization before that layer, within the model, counts.

    Returns:
        The finding, or None: the scale is fine, or fewer than `MIN_SAMPLES` were seen.

    Source:
        LeCun et al. 1998, "Efficient BackProp", 4.3: normalize the inputs. Bounds ours.
    """
    inputs = curves.inspection.inputs if curves.inspection is not None else None
    if inputs is None or inputs.samples < MIN_SAMPLES:
        return None
    problem = _describe(inputs)
    if problem is None:
        return None
    return Finding(
        kind="unnormalized_inputs",
        severity=Severity.HIGH,
        confidence=Confidence.HIGH,
        summary=f"The inputs of {name_layer(inputs.layer)} are not normalized: {problem}.",
        evidence={
            "mean": rounded(inputs.mean),
            "rms": rounded(inputs.rms),
            "largest": rounded(inputs.largest),
            "mean_over_sd": rounded(inputs.mean_over_sd),
            "scale_ratio": rounded(inputs.scale_ratio),
            "samples": inputs.samples,
        },
        advice=(
            Advice(
                text="Subtract the training data's mean and divide by its standard "
                "deviation, feature by feature."
            ),
            Advice(text="Or begin the model with nn.BatchNorm1d(features)."),
        ),
    )


def _describe(inputs: InputFacts) -> str | None:
    if inputs.scale_ratio > TOO_UNEVEN and inputs.rms > 1:
        times = format_number(inputs.scale_ratio, 3)
        return f"the largest feature is {times} times the median one"
    if inputs.rms > TOO_LARGE:
        return f"values of about {format_number(inputs.rms, 3)}"
    if 0 < inputs.rms < TOO_SMALL:
        return f"values of about {format_number(inputs.rms, 3)}"
    if inputs.mean_over_sd > TOO_FAR:
        times = format_number(inputs.mean_over_sd, 3)
        return f"means of about {times} standard deviations"
    return None
