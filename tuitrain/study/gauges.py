"""The update ratio of each layer, and what it means in a word."""

import math
from typing import Final

from tuitrain.diagnosis import RATIO_PREFIX
from tuitrain.diagnosis.numerics import median
from tuitrain.diagnosis.rules.update_ratios import (
    DEAD,
    EARLY_SHARE,
    TARGET,
    TOO_HIGH_EARLY,
    TOO_HIGH_LATE,
    TOO_LOW,
)
from tuitrain.model import TrialModel
from tuitrain.study.progress import planned_iterations
from tuitrain.study.views import GaugeView, RatioState

PREFIX: Final = RATIO_PREFIX
"""Series of update ratios are called this and the tensor's name."""
LOW_BELOW: Final = TOO_LOW
"""Below it a layer learns too slowly."""
HIGH_ABOVE: Final = TOO_HIGH_LATE
"""Above it a layer learns too fast, past the first part of the run."""
_EARLY_ITERATIONS: Final = 20
_TRAIL: Final = 8
_STILL_READINGS: Final = 3
"""Readings of exactly 0 that mean there is no gradient; one alone may be a warm-up's."""


def gauges(trial: TrialModel) -> tuple[GaugeView, ...]:
    """Return one gauge for each measured tensor, the worst first.

    Worst is farthest from the target on a logarithmic scale; layers without a gradient
    and dead ones come before all others, layers without a reading last.
    """
    measured = [n.removeprefix(PREFIX) for n in trial.series if n.startswith(PREFIX)]
    # Nothing is measured where no gradient ever came.
    layers = trial.task.layers if trial.task is not None and measured else ()
    views = [_gauge(trial, name) for name in dict.fromkeys((*measured, *layers))]
    return tuple(sorted(views, key=_badness, reverse=True))


def median_ratio(trial: TrialModel) -> float | None:
    """Return the median over layers of the newest finite ratio; None: no reading."""
    newest = [
        series.last
        for name, series in trial.series.items()
        if name.startswith(PREFIX) and series.last is not None
    ]
    finite = [ratio for ratio in newest if math.isfinite(ratio)]
    return median(finite) if finite else None


def judge_ratio(ratio: float | None, *, is_early: bool) -> RatioState:
    """Return a ratio in a word; early ones may be high, since weights start small."""
    if ratio is None or not math.isfinite(ratio):
        return RatioState.UNKNOWN
    if ratio < DEAD:
        return RatioState.DEAD
    if ratio < TOO_LOW:
        return RatioState.LOW
    if ratio > (TOO_HIGH_EARLY if is_early else TOO_HIGH_LATE):
        return RatioState.HIGH
    return RatioState.FINE


def _gauge(trial: TrialModel, layer: str) -> GaugeView:
    series = trial.get(PREFIX + layer)
    planned = planned_iterations(trial) or 0
    early_until = max(_EARLY_ITERATIONS, EARLY_SHARE * planned)
    if not len(series):
        return GaugeView(
            layer=layer, ratio=None, trail=(), state=RatioState.NO_GRADIENT
        )
    is_early = (series.last_iteration or 0) <= early_until
    trail = tuple(series.values[-_TRAIL:].tolist())
    state = judge_ratio(series.last, is_early=is_early)
    if len(trail) >= _STILL_READINGS and not any(trail):
        state = RatioState.NO_GRADIENT
    return GaugeView(layer=layer, ratio=series.last, trail=trail, state=state)


def _badness(gauge: GaugeView) -> float:
    if gauge.state in (RatioState.DEAD, RatioState.NO_GRADIENT):
        return math.inf
    if gauge.state is RatioState.UNKNOWN or gauge.ratio is None:
        return -1.0
    return abs(math.log10(gauge.ratio / TARGET))
