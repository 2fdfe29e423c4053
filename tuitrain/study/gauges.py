"""The update ratio of each layer, and what it means in a word."""

import math
from typing import Final

import numpy as np

from tuitrain.model import TrialModel
from tuitrain.study.progress import planned_iterations
from tuitrain.study.views import GaugeView, RatioState

PREFIX: Final = "update_ratio/"
"""Series of update ratios are called this and the tensor's name."""

TARGET: Final = 1e-3
"""Weight update to weight magnitude in a healthy run past its first iterations
(CS231n notes, "Ratio of weights:updates")."""

LOW_BELOW: Final = 7e-5
"""Below the smallest median ratio of healthy runs past the first tenth, 1.25e-4 with
SGD and 1.07e-3 with AdamW in 60 measured runs."""

HIGH_ABOVE: Final = 2e-2
"""Above what healthy runs show past the first tenth; their second-half medians are
1.1e-3 to 1.4e-3."""

HIGH_EARLY_ABOVE: Final = 0.15
"""Above what the largest layer of healthy runs shows in the first tenth, 3.4e-2 with
AdamW and 1.1e-1 with SGD and momentum."""

DEAD_BELOW: Final = 1e-9
"""Less than float32 can add to a weight of its own magnitude: nothing is learnt."""

_EARLY_SHARE: Final = 0.1
_EARLY_ITERATIONS: Final = 20
_TRAIL: Final = 8


def gauges(trial: TrialModel) -> tuple[GaugeView, ...]:
    """Return one gauge for each measured tensor, the worst first.

    Worst is farthest from the target on a logarithmic scale; dead layers come before
    all others, layers without a reading last.
    """
    views = [
        _gauge(trial, name.removeprefix(PREFIX))
        for name in trial.series
        if name.startswith(PREFIX)
    ]
    return tuple(sorted(views, key=_badness, reverse=True))


def median_ratio(trial: TrialModel) -> float | None:
    """Return the median over layers of the newest finite ratio; None: no reading."""
    newest = [
        series.last
        for name, series in trial.series.items()
        if name.startswith(PREFIX) and series.last is not None
    ]
    finite = [ratio for ratio in newest if math.isfinite(ratio)]
    return float(np.median(finite)) if finite else None


def judge_ratio(ratio: float | None, *, is_early: bool) -> RatioState:
    """Return a ratio in a word; early ones may be high, since weights start small."""
    if ratio is None or not math.isfinite(ratio):
        return RatioState.UNKNOWN
    if ratio < DEAD_BELOW:
        return RatioState.DEAD
    if ratio < LOW_BELOW:
        return RatioState.LOW
    if ratio > (HIGH_EARLY_ABOVE if is_early else HIGH_ABOVE):
        return RatioState.HIGH
    return RatioState.FINE


def _gauge(trial: TrialModel, layer: str) -> GaugeView:
    series = trial.get(PREFIX + layer)
    planned = planned_iterations(trial) or 0
    early_until = max(_EARLY_ITERATIONS, _EARLY_SHARE * planned)
    is_early = (series.last_iteration or 0) <= early_until
    return GaugeView(
        layer=layer,
        ratio=series.last,
        trail=tuple(series.values[-_TRAIL:].tolist()),
        state=judge_ratio(series.last, is_early=is_early),
    )


def _badness(gauge: GaugeView) -> float:
    if gauge.state is RatioState.UNKNOWN or gauge.ratio is None:
        return -1.0
    if gauge.state is RatioState.DEAD:
        return math.inf
    return abs(math.log10(gauge.ratio / TARGET))
