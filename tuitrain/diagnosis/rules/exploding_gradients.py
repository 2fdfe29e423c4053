"""Gradients grow out of bounds."""

from typing import Final

from tuitrain.diagnosis.curves import Curves
from tuitrain.diagnosis.expected_loss import expected_initial_loss
from tuitrain.diagnosis.findings import rounded
from tuitrain.diagnosis.numerics import Numbers, finite, median, start_of
from tuitrain.diagnosis.rules.progress import explained_share
from tuitrain.events import Advice, Confidence, Finding, Severity
from tuitrain.units import format_number

SPIKE: Final = 100.0
"""Times the median norm."""
HUGE: Final = 1e3
"""Norm of all gradients together, over the initial loss: no step of any use is that
steep. Ours: healthy runs of the benchmark stay below 100."""
FALLEN: Final = 12.0
"""First norm over those after the first updates that is steep where the loss begins too
high as well. Ours: healthy runs of the benchmark with such a loss are below 6.2; those
above 10 begin where they should."""
LARGE_LOSS: Final = 0.7
"""Excess of the first loss, in units of the band within which it is doubtful. Ours."""
AFTER: Final = 5
"""Readings after which the first steps are over."""
MIN_READINGS: Final = 10
POOR_FIT: Final = 0.5


def find_exploding_gradients(curves: Curves) -> Finding | None:
    """Find gradient norms that are huge from the start, or spike again and again.

    Or that begin far above what they are after the first updates, while the loss begins
    too high as well: neither says much alone.

    Returns:
        The finding, or None: the norms are in bounds, the model fits all the same, or
        fewer than `MIN_READINGS` were measured.

    Source:
        Pascanu et al. 2013, arXiv:1211.5063. Bounds ours.
    """
    norms = finite(curves.grad_norm.values)
    losses = finite(curves.loss.values)
    if len(norms) < MIN_READINGS or not len(losses):
        return None
    explained = explained_share(curves)
    if explained is not None and explained > POOR_FIT:
        return None
    middle, highest = median(norms), float(norms.max())
    # That of the first iteration, before any update.
    first = float(norms[0])
    # Against a median near zero, of units that are dead, say, anything is a spike.
    spikes = int((norms > SPIKE * max(middle, 0.1 * first, 1e-12)).sum())
    scale = max(abs(start_of(losses)), 1e-3)
    is_huge = first > HUGE * scale
    is_plain = is_huge or spikes >= 2
    began_steep = _began_steep(curves, first, norms)
    if not (is_plain or began_steep):
        return None
    return Finding(
        kind="exploding_gradients",
        severity=Severity.HIGH if is_plain else Severity.MEDIUM,
        confidence=Confidence.HIGH if is_huge else Confidence.MEDIUM,
        summary=(
            f"The gradient norm reaches {format_number(highest, 3)} "
            f"(median {format_number(middle, 3)})."
        ),
        evidence={
            "first": rounded(first),
            "at_start": is_huge or began_steep,
            "median": rounded(middle),
            "highest": rounded(highest),
            "spikes": spikes,
        },
        advice=(
            Advice(text="Clip the gradient norm, at 1.0 for example."),
            Advice(
                text="Initialize the weights smaller, or put normalization between."
            ),
            Advice(text="Lower the LR, or warm it up."),
        ),
    )


def _began_steep(curves: Curves, first: float, norms: Numbers) -> bool:
    expected = expected_initial_loss(curves.facts) if curves.facts else None
    if expected is None or curves.loss.iterations[0] != 1:
        return False
    excess = float(curves.loss.values[0]) - expected.value
    is_high = excess > LARGE_LOSS * expected.bands[1]
    return is_high and first >= FALLEN * median(norms[AFTER:])
