"""Weights that begin alike, at zero or otherwise, and stay alike."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from tuitrain.diagnosis.curves import Curves
from tuitrain.diagnosis.findings import listed
from tuitrain.diagnosis.rules.progress import explained_share
from tuitrain.events import Advice, Confidence, Evidence, Finding, Inspection, Severity
from tuitrain.model import EMPTY_SERIES, Series

MIN_READINGS: Final = 3
"""Fewer readings could be a first iteration that a loss scaler left out."""
MIN_ALIKE: Final = 2
"""Layers, where nothing was updated yet: a last one may well begin at zero."""
MIN_SHARE: Final = 0.25
"""Of all parameters, biases included, where nothing was updated yet: the last layers of
residual branches may well begin at zero, and are fewer."""
GOOD_FIT: Final = 0.95
"""Share of the way from chance to a fit from which units were told apart in time."""
MIN_ITERATIONS: Final = 5
"""Units that begin alike may be told apart by the first updates."""


def find_symmetric_initialization(curves: Curves) -> Finding | None:
    """Find layers whose units are all the same, and tensors that never leave zero.

    Units that begin with the same weights get the same gradients: the layer is one unit,
    many times over. Zero weights send no gradient back and, fed by zeros, get none. A
    single tensor that starts at zero and learns is a deliberate choice (a residual
    branch, an adapter) and no finding.

    Returns:
        `critical`: half of the tensors or more never left zero, or the units of a layer
        never came apart. `medium`: fewer stayed at zero, or most began there but
        learned. `low`: units came apart in time for a good fit. None: neither, or too
        few readings.

    Source:
        CS231n notes, "Weight initialization", pitfall: all zero initialization.
    """
    # Weights that became NaN have no ratio either.
    is_whole = bool(np.isfinite(curves.loss.values).all())
    at_zero = _find_zero(curves.ratios) if is_whole else None
    if at_zero is not None and at_zero.severity is Severity.CRITICAL:
        return at_zero
    seen = curves.inspection
    alike = _began_alike(curves, seen) if seen is not None else []
    if seen is not None and at_zero is None and alike:
        severity = Severity.HIGH if len(alike) > 1 else Severity.MEDIUM
        if (explained_share(curves) or 0.0) >= GOOD_FIT:
            severity = Severity.LOW
        return _finding(
            f"The units of {listed(alike)} begin with the same weights.",
            severity,
            {"layers": [*alike], "iterations": seen.iterations},
        )
    if seen is None or seen.iterations < MIN_ITERATIONS or not seen.alike_units:
        return at_zero
    names = seen.alike_units
    return _finding(
        f"The units of {listed(names)} all have the same weights, and updates don't "
        "tell them apart.",
        Severity.CRITICAL,
        {"layers": list(names), "iterations": seen.iterations},
    )


def _began_alike(curves: Curves, seen: Inspection) -> list[str]:
    """Return layers whose units began alike and came apart.

    Those that began at zero are left out: residual branches and last layers may. Before
    the first update nothing tells which these are, so it takes more of them.
    """
    if seen.alike_units:
        return []
    if not curves.ratios:
        count = len(seen.alike_at_start)
        is_much = count >= max(MIN_ALIKE, MIN_SHARE * seen.parameters)
        return seen.alike_at_start if is_much else []
    return [
        name
        for name in seen.alike_at_start
        if len(series := curves.ratios.get(name, EMPTY_SERIES))
        and np.isfinite(series.values[0])
    ]


def _find_zero(ratios: Mapping[str, Series]) -> Finding | None:
    """Find tensors whose update ratio is 0/0: zero before the update and after it."""
    read = {n: s.values for n, s in ratios.items() if len(s) >= MIN_READINGS}
    began = [name for name, values in read.items() if not np.isfinite(values[0])]
    stayed = [name for name, values in read.items() if np.isnan(values).all()]
    if stayed:
        # A single one may simply be unused.
        is_most = 2 * len(stayed) >= len(read)
        severity, names = Severity.CRITICAL if is_most else Severity.MEDIUM, stayed
        what = "are all zero and never move"
    elif len(began) > 1 and 2 * len(began) > len(read):
        severity, names = Severity.MEDIUM, began
        what = "begin at exactly zero"
    else:
        return None
    return _finding(
        f"The weights of {len(names)} of {len(read)} layers {what}: {listed(names)}.",
        severity,
        {"layers": list(names), "measured_layers": len(read)},
    )


def _finding(summary: str, severity: Severity, evidence: Evidence) -> Finding:
    return Finding(
        kind="symmetric_initialization",
        severity=severity,
        confidence=Confidence.HIGH,
        summary=summary,
        evidence=evidence,
        advice=(
            Advice(text="Initialize weights at random: torch's default, or Kaiming."),
            Advice(text="Only biases, gains and last layers may begin at zero."),
        ),
    )
