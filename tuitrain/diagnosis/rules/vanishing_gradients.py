"""Gradients fade on their way to the first layers."""

from typing import Final

from tuitrain.diagnosis.curves import Curves
from tuitrain.diagnosis.findings import rounded
from tuitrain.diagnosis.rules.progress import explained_share
from tuitrain.events import Advice, Confidence, Finding, Severity
from tuitrain.units import format_power

FADED: Final = 1e-3
"""First over last layer. Source: AutoTrainer (Zhang et al. 2021,
doi:10.1109/ICSE43902.2021.00043), which compares norms; these are root mean squares."""
FADING: Final = 1e-2
"""The same, from which it may be why a model fits poorly. Ours."""
MIN_LAYERS: Final = 3
POOR_FIT: Final = 0.5


def find_vanishing_gradients(curves: Curves) -> Finding | None:
    """Find a network whose first layers get next to no gradient.

    Returns:
        The finding, `low` if they get so little that it may be why; None: they get
        enough, the model fits all the same, or it has fewer than `MIN_LAYERS` layers.
    """
    seen = curves.inspection
    if seen is None or len(seen.gradient_rms) < MIN_LAYERS:
        return None
    sizes = list(seen.gradient_rms.items())
    (first, small), (last, large) = sizes[0], sizes[-1]
    if large <= 0 or small <= 0 or small > FADING * large:
        return None
    explained = explained_share(curves)
    if explained is not None and explained > POOR_FIT:
        return None
    has_faded = small <= FADED * large
    return Finding(
        kind="vanishing_gradients",
        severity=Severity.HIGH if has_faded else Severity.LOW,
        confidence=Confidence.HIGH if has_faded else Confidence.LOW,
        summary=(
            f"Gradients of {first} are {format_power(small / large)} of those of "
            f"{last}: the first layers learn "
            + ("next to nothing." if has_faded else "slowly.")
        ),
        evidence={
            "first_layer": first,
            "last_layer": last,
            "ratio": rounded(small / large),
            "gradients": [float(f"{size:.3g}") for _, size in sizes],
        },
        advice=(
            Advice(text="Take ReLU or GELU, and initialize by Kaiming."),
            Advice(text="Put normalization layers or residual connections between."),
            Advice(text="Take fewer layers."),
        ),
    )
