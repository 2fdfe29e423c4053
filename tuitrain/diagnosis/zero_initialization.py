"""Weights that begin at exactly zero, and stay there."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from tuitrain.events import Advice, Confidence, Finding, Severity
from tuitrain.model import Series

MIN_READINGS: Final = 3
"""Fewer readings could be a first iteration that a loss scaler left out."""


def find_zero_initialization(ratios: Mapping[str, Series]) -> Finding | None:
    """Find tensors whose update ratio is 0/0: zero before the update and after it.

    Zero weights send no gradient back and, fed by zeros, get none: the layers before
    the last never move. A single tensor that starts at zero and learns is a deliberate
    choice (a residual branch, an adapter) and no finding.

    Args:
        ratios: Update ratio of each tensor, by its name.

    Returns:
        `critical`: half of the tensors or more never left zero. `medium`: fewer did not,
        or most began at zero but learned. None: neither, or fewer than `MIN_READINGS`
        readings of every tensor.

    Source:
        CS231n notes, "Weight initialization", pitfall: all zero initialization.
    """
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
    shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    return Finding(
        kind="zero_initialization",
        severity=severity,
        confidence=Confidence.HIGH,
        summary=f"The weights of {len(names)} of {len(read)} layers {what}: {shown}.",
        evidence={"layers": list(names), "measured_layers": len(read)},
        advice=(
            Advice(text="Initialize weights at random: torch's default, or Kaiming."),
            Advice(text="Only biases, gains and last layers may begin at zero."),
        ),
    )
