"""Numbers that all rules share: levels, trends and noise, each robust to outliers."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
"""A column of measurements, shape (points,)."""

MAX_BLOCKS: Final = 100
"""Blocks a series is reduced to: enough to see a knee, few enough for all pairs."""

ENOUGH: Final = 2500
"""Values of which a median is taken where there are far more."""

SIGNIFICANT_Z: Final = 2.58
"""|z| from which a trend is no chance: two-sided 1 %. Source: Mann 1945, Kendall 1975."""

MAD_TO_SD: Final = 1.4826
"""Median absolute deviation to standard deviation, for normal noise."""

MEDIAN_PENALTY: Final = 1.2533
"""√(π/2): the standard error of a median over that of a mean, for normal noise."""


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """The trend of a series over its index."""

    slope: float
    """Theil–Sen: the median slope over all pairs, per index."""
    z: float
    """Mann–Kendall statistic, corrected for ties; 0: no trend at all."""

    @property
    def falls(self) -> bool:
        """Whether it goes down, and not by chance."""
        return self.z < -SIGNIFICANT_Z

    @property
    def rises(self) -> bool:
        """Whether it goes up, and not by chance."""
        return self.z > SIGNIFICANT_Z


def finite(values: Numbers) -> Numbers:
    """Return the values that are neither NaN nor infinite, in order.

    Where all are, it is the column itself: a copy of it would cost more than the look.
    """
    kept = np.isfinite(values)
    return values if kept.all() else values[kept]


def median(values: Sequence[float] | Numbers) -> float:
    """Return the median; NaN of no values, or where one of them is NaN.

    numpy's own imports masked arrays when it is first called, which takes longer than
    all else that a first verdict needs.
    """
    return float(medians_of(np.asarray(values, dtype=np.float64)))


def medians_of(rows: NDArray[np.float64]) -> Numbers:
    """Return the median of each row, shape (…,) of rows of shape (…, values)."""
    count = rows.shape[-1]
    if not count:
        return np.full(rows.shape[:-1], np.nan)
    middle, is_odd = count // 2, bool(count % 2)
    # The last place holds a NaN if there is any.
    places = (middle, count - 1) if is_odd else (middle - 1, middle, count - 1)
    ordered = np.partition(rows, places, axis=-1)
    found = ordered[..., middle]
    if not is_odd:
        found = (ordered[..., middle - 1] + found) / 2
    return np.where(np.isnan(ordered[..., -1]), np.nan, found)


def block_medians(values: Numbers, blocks: int = MAX_BLOCKS) -> Numbers:
    """Return the median of each of at most `blocks` parts, in order.

    The parts are equally long but for the last, which may be shorter.
    """
    count = len(values)
    if count <= blocks:
        return values
    size = -(-count // blocks)
    whole = count // size
    # Of a long block an even sample is enough: its median scatters by 2 % of the noise.
    step = max(1, size // ENOUGH)
    blocked = values[: whole * size].reshape(whole, size)[:, ::step]
    medians = medians_of(blocked)
    rest = values[whole * size :: step]
    return np.append(medians, median(rest)) if len(rest) else medians


def noise(values: Numbers) -> float:
    """Return the standard deviation around the curve, from differences of neighbours.

    A smooth curve hardly changes between neighbours, so their differences are noise.
    """
    if len(values) < 3:
        return 0.0
    steps = np.diff(values)[:: max(1, len(values) // (8 * ENOUGH))]
    spread = median(np.abs(steps - median(steps)))
    return MAD_TO_SD * spread / math.sqrt(2)


def trend(values: Numbers) -> Trend:
    """Return the trend over at most `MAX_BLOCKS` block medians.

    Source:
        Sen 1968, doi:10.1080/01621459.1968.10480934; Mann 1945; Kendall 1975.
    """
    medians = block_medians(values)
    count = len(medians)
    if count < 3:
        return Trend(slope=0.0, z=0.0)
    first, second = _pairs(count)
    rises = medians[second] - medians[first]
    slope = median(rises / (second - first)) * count / len(values)
    score = float(np.sign(rises).sum())
    _, ties = np.unique(medians, return_counts=True)
    tied = float((ties * (ties - 1) * (2 * ties + 5)).sum())
    variance = (count * (count - 1) * (2 * count + 5) - tied) / 18
    if variance <= 0 or score == 0:
        return Trend(slope=slope, z=0.0)
    return Trend(slope=slope, z=(score - math.copysign(1, score)) / math.sqrt(variance))


def gain(values: Numbers) -> float:
    """Return by which share of itself a curve falls from one half to the other."""
    half = len(values) // 2
    if not half:
        return 0.0
    before, end = median(values[:half]), median(values[half:])
    return (before - end) / abs(before) if before else 0.0


@lru_cache(maxsize=MAX_BLOCKS + 1)
def _pairs(count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the indices of all pairs, the earlier and the later of each."""
    first, second = np.triu_indices(count, k=1)
    return first, second


class Drop(msgspec.Struct, frozen=True, kw_only=True):
    """How far a curve came down from its start to its end."""

    start: float
    """Median of the first points."""
    end: float
    """Median of the last points."""
    error: float
    """Standard error of the difference that the noise alone explains."""

    @property
    def size(self) -> float:
        """Positive: it came down."""
        return self.start - self.end

    @property
    def z(self) -> float:
        """The drop in standard errors; infinite: there is no noise at all."""
        if self.error > 0:
            return self.size / self.error
        return math.copysign(math.inf, self.size) if self.size else 0.0


SPIKE_FACTOR: Final = 2.0
"""First points above the very first by this factor are a spike, not the start."""


def start_of(values: Numbers, count: int = 3) -> float:
    """Return the level at which a curve begins: the median of its first points.

    The very first value is measured before any update; if the next ones jump above it,
    it alone is the start.
    """
    level, first = median(values[:count]), float(values[0])
    return first if level > SPIKE_FACTOR * first > 0 else level


START_SHARE: Final = 0.05
"""Share of the points that make the start: short, since a good run falls at once."""
END_SHARE: Final = 0.2
"""Share of the points that make the end."""


def drop(values: Numbers) -> Drop | None:
    """Compare a curve's start with its end; None: fewer than 4 points."""
    count = len(values)
    if count < 4:
        return None
    first, last = max(3, int(START_SHARE * count)), max(3, int(END_SHARE * count))
    scatter = noise(values[-max(last, 10) :])
    error = MEDIAN_PENALTY * scatter * math.sqrt(1 / first + 1 / last)
    return Drop(
        start=start_of(values, first),
        end=median(values[-last:]),
        error=error,
    )


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """A curve of which more is better, at its best and at its end."""

    best: float
    """Best median over a window: the best single value is mostly chance."""
    best_at: int
    """Index of the middle of that window."""
    end: float
    """Median of the last points."""
    error: float
    """Standard error of `lost` that the noise alone explains."""

    @property
    def lost(self) -> float:
        """From the best to the end; 0 or more."""
        return max(0.0, self.best - self.end)


BEST_SHARE: Final = 0.1
"""Share of the points that the best must last: a peak of one epoch is chance."""


def find_turn(values: Numbers) -> Turn | None:
    """Compare a curve's best with its end; None: fewer than 5 points."""
    count = len(values)
    if count < 5:
        return None
    window, last = max(3, int(BEST_SHARE * count)), max(3, int(END_SHARE * count))
    step = max(1, window // 3)
    starts = range(0, count - window + 1, step)
    medians = [median(values[start : start + window]) for start in starts]
    place = int(np.argmax(medians))
    scatter = noise(values)
    return Turn(
        best=medians[place],
        best_at=starts[place] + window // 2,
        end=median(values[-last:]),
        error=MEDIAN_PENALTY * scatter * math.sqrt(1 / window + 1 / last),
    )
