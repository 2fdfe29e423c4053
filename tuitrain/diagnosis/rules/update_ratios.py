"""Update ratios, early and late: what three rules look at."""

from typing import Final

import numpy as np

from tuitrain.diagnosis.curves import Curves
from tuitrain.diagnosis.findings import scaled_lr
from tuitrain.diagnosis.numerics import finite, median, medians_of
from tuitrain.events import Advice

TARGET: Final = 1e-3
"""A healthy update ratio past the first iterations. Source: CS231n notes, "Ratio of
weights:updates"."""
EARLY_SHARE: Final = 0.1
"""The first part of a run, in which healthy ratios are ten times as high (a pilot's 60
healthy runs: median 0.9e-2 with AdamW, 1.6e-2 with SGD and momentum)."""
TOO_LOW: Final = 7e-5
"""Below the lowest late ratio of the pilot's healthy runs, 1.25e-4 with SGD and 1.07e-3
with AdamW; runs with too low an LR were at 8e-7 to 5.3e-5."""
TOO_HIGH_LATE: Final = 0.1
"""Ratio of the median layer past the first part of the run. Ours: at most 4.4e-2 in
healthy runs of the benchmark, those of RMSprop and transformers included."""
TOO_HIGH_FIRST: Final = 0.3
"""The same of the first updates, see `first_ratio`: 9e-2 in healthy runs, whatever the
optimizer."""
TOO_HIGH_EARLY: Final = 0.15
"""Above the early ratios of the pilot's healthy runs, 3.4e-2 with AdamW and 1.1e-1 with
SGD."""
DEAD: Final = 1e-9
"""Less than float32 can add to a weight of its own magnitude: nothing is learned."""
GOOD_EARLY: Final = 2e-2
"""Ratio in the first part of a run, of the benchmark's healthy ones: 4e-3 to 0.16."""
GOOD_LATE: Final = 3e-3
"""Ratio past it, of the median layer: 1e-3 to 4e-2."""
LIFTED: Final = 2e-2
"""Ratio that a raised LR should bring about, in a loss that has not come down: it is still
at its start, where healthy ratios are ten times those of later."""
ROOM: Final = 5e-3
"""Early ratio of the median layer below which a higher LR is worth a try. Ours: runs of the
benchmark that are short of epochs are at 8e-4 to 6e-3, most healthy ones above 1e-2."""
FIRST: Final = 3
"""Readings before a loss that is thrown up changes the gradients."""
FIRST_OF_RMSPROP: Final = 10.0
"""How much larger RMSprop's first update is than those to come: its mean of squares begins
at zero and holds 1 % of the first one."""
LEAST_STEP: Final = 3.0
MOST_STEP: Final = 1e4
MIN_READINGS: Final = 5
"""Readings past the first part that make a median: one in 20 iterations is told, so that
more would leave runs of less than 230 iterations without one."""
MIN_ITERATIONS: Final = 20


def late_ratios(curves: Curves) -> dict[str, float]:
    """Return each layer's median ratio past the first part of the run."""
    after = EARLY_SHARE * (curves.loss.last_iteration or 0)
    late = {n: s.values[s.iterations > after] for n, s in curves.ratios.items()}
    return {
        name: median(finite(values))
        for name, values in late.items()
        if len(finite(values)) >= MIN_READINGS
    }


def early_ratios(curves: Curves) -> dict[str, float]:
    """Return each layer's median ratio in the first part of the run."""
    until = int(EARLY_SHARE * (curves.loss.last_iteration or 0))
    early = {n: finite(s.until(until).values) for n, s in curves.ratios.items()}
    return {n: median(v) for n, v in early.items() if len(v) >= 3}


def ways(curves: Curves) -> dict[str, float]:
    """Return the length of all updates of each layer together, in units of its weights."""
    found = {}
    for name, series in curves.ratios.items():
        known = np.isfinite(series.values)
        if np.count_nonzero(known) >= MIN_READINGS:
            iterations = series.iterations[known].astype(np.float64)
            found[name] = float(np.trapezoid(series.values[known], iterations))
    return found


def highest_ratio(curves: Curves, first: int | None = None) -> float:
    """Return the highest ratio of the median layer; 0: none measured.

    Args:
        curves: Of the trial.
        first: Readings that are looked at, from the start; None: all.
    """
    columns = [s.values[:first] for s in curves.ratios.values() if len(s)]
    if not columns:
        return 0.0
    rows = min(len(values) for values in columns)
    middle = medians_of(np.array([values[:rows] for values in columns]).T)
    known = finite(middle)
    return float(known.max()) if len(known) else 0.0


def first_ratio(curves: Curves) -> float:
    """Return the highest ratio of the median layer in the first updates.

    That of RMSprop is brought to what it would be without its start.
    """
    seen = curves.inspection
    is_rmsprop = seen is not None and seen.optimizer == "RMSprop"
    return highest_ratio(curves, FIRST) / (FIRST_OF_RMSPROP if is_rmsprop else 1.0)


def factor_down(curves: Curves) -> float:
    """Return by what the LR should be divided, as updates grow with it: 3 to 10 000."""
    # The first updates tell: later ones are of units that died, or of a loss that grew.
    first = first_ratio(curves)
    late = list(late_ratios(curves).values())
    settled = median(late) if late and first < TOO_HIGH_FIRST else 0.0
    over = max(first / GOOD_EARLY, settled / GOOD_LATE)
    return float(np.clip(over, LEAST_STEP, MOST_STEP))


def factor_up(typical: float) -> float:
    """Return by what the LR should be multiplied for a ratio that is `typical` now."""
    return float(np.clip(LIFTED / max(typical, 1e-12), LEAST_STEP, MOST_STEP))


def has_room(curves: Curves) -> bool:
    """Whether updates began so small that a higher LR would get further in the same time."""
    early = list(early_ratios(curves).values())
    return bool(early) and DEAD < median(early) < ROOM


def divide_lr(curves: Curves, at_least: float = LEAST_STEP) -> Advice:
    """Return the advice to lower the LR as far as the updates are too large."""
    factor = max(at_least, factor_down(curves))
    rounded = float(f"{factor:.1g}")
    return Advice(
        text=f"Divide the LR by {rounded:g}.",
        change=scaled_lr(curves.configured_lr, 1 / rounded),
    )
