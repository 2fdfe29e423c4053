"""Update ratios, early and late: what three rules look at."""

from typing import Final

import numpy as np

from tuitrain.diagnosis.curves import Curves
from tuitrain.diagnosis.numerics import finite

TARGET: Final = 1e-3
"""A healthy update ratio past the first iterations. Source: CS231n notes, "Ratio of
weights:updates"."""
EARLY_SHARE: Final = 0.1
"""The first part of a run, in which healthy ratios are ten times as high (a pilot's 60
healthy runs: median 0.9e-2 with AdamW, 1.6e-2 with SGD and momentum)."""
TOO_LOW: Final = 7e-5
"""Below the lowest late ratio of the pilot's healthy runs, 1.25e-4 with SGD and 1.07e-3
with AdamW; runs with too low an LR were at 8e-7 to 5.3e-5."""
TOO_HIGH_LATE: Final = 2e-2
"""Ten times and more above the late ratios of the pilot's healthy runs, 1.1e-3 to 1.4e-3
in the median."""
TOO_HIGH_EARLY: Final = 0.15
"""Above the early ratios of its healthy runs, 3.4e-2 with AdamW and 1.1e-1 with SGD."""
DEAD: Final = 1e-9
"""Less than float32 can add to a weight of its own magnitude: nothing is learned."""
MIN_READINGS: Final = 10
MIN_ITERATIONS: Final = 20


def late_ratios(curves: Curves) -> dict[str, float]:
    """Return each layer's median ratio past the first part of the run."""
    after = EARLY_SHARE * (curves.loss.last_iteration or 0)
    late = {n: s.values[s.iterations > after] for n, s in curves.ratios.items()}
    return {
        name: float(np.median(finite(values)))
        for name, values in late.items()
        if len(finite(values)) >= MIN_READINGS
    }


def early_ratios(curves: Curves) -> dict[str, float]:
    """Return each layer's median ratio in the first part of the run."""
    until = int(EARLY_SHARE * (curves.loss.last_iteration or 0))
    early = {n: finite(s.until(until).values) for n, s in curves.ratios.items()}
    return {n: float(np.median(v)) for n, v in early.items() if len(v) >= 3}
