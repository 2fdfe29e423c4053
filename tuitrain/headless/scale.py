"""The window of a figure: which values it spans, and where its ticks are."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tuitrain.units import format_number

LARGEST = 1e300
"""Values beyond it are drawn at the edge; halves of it still subtract without overflow."""
SMALLEST = 1e-290
"""Values closer together than this are one value: a quarter of their distance would
be no number any more."""
LOG_RATIO = 30.0
"""A positive curve that spans more than this is drawn on a log scale."""


@dataclass(frozen=True)
class Scale:
    """Maps values to 0..1 of an axis; whatever lies outside is drawn at the edge."""

    low: float
    high: float
    is_log: bool

    def place(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where finite `values` lie, each 0..1, in the shape of `values`."""
        low, high = self._ends()
        # Halves, since the difference of two huge values is infinite.
        span = high / 2 - low / 2
        share = (self._map(values) / 2 - low / 2) / span
        return np.clip(share, 0.0, 1.0)

    def ticks(self, count: int) -> tuple[list[float], list[str]]:
        """Return places 0..1 and labels of about `count` ticks at round values."""
        values = self._decades(count) if self.is_log else self._round_values(count)
        if len(values) < 2:
            values = [self.low, self.high]
        places = self.place(np.array(values, dtype=np.float64)).tolist()
        return places, _labels(values)

    def _ends(self) -> tuple[float, float]:
        if self.is_log:
            return math.log10(self.low), math.log10(self.high)
        return self.low, self.high

    def _map(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        clipped = np.clip(values, self.low, self.high)
        return np.log10(clipped) if self.is_log else clipped

    def _decades(self, count: int) -> list[float]:
        first, last = (math.log10(self.low), math.log10(self.high))
        stride = max(1, math.ceil((last - first) / max(1, count - 1)))
        exponents = range(math.ceil(first - 1e-9), math.floor(last + 1e-9) + 1, stride)
        return [10.0**exponent for exponent in exponents]

    def _round_values(self, count: int) -> list[float]:
        raw = (self.high / 2 - self.low / 2) / max(1, count - 1) * 2
        power = 10.0 ** math.floor(math.log10(raw))
        # The loop ends at 10 × power at the latest, but for rounding.
        strides = (share * power for share in (1, 2, 2.5, 5, 10))
        stride = next((s for s in strides if s >= raw), raw)
        first, last = math.ceil(self.low / stride), math.floor(self.high / stride)
        return [index * stride for index in range(first, last + 1)]


def find_scale(
    lowest: float, highest: float, *, ceiling: float = math.inf, may_be_log: bool = True
) -> Scale:
    """Return a window on [lowest, highest], both finite, that can always be drawn.

    Args:
        lowest: Smallest value to show.
        highest: Largest value to show.
        ceiling: Values above it leave through the top, so that one curve that
            explodes does not flatten the others.
        may_be_log: Whether a wide positive range is drawn on a log scale.
    """
    low = max(-LARGEST, min(LARGEST, lowest))
    high = max(low, min(LARGEST, highest, max(ceiling, low)))
    if may_be_log and low > 0 and high / low > LOG_RATIO:
        return Scale(low, high, is_log=True)
    largest = max(abs(low), abs(high))
    if high - low <= max(1e-9 * largest, SMALLEST):
        pad = 0.05 * largest if largest > SMALLEST else 1.0
        return Scale(low - pad, high + pad, is_log=False)
    return Scale(low, high, is_log=False)


def _labels(values: Sequence[float]) -> list[str]:
    for digits in range(3, 8):
        labels = [format_number(value, digits) for value in values]
        if len(set(labels)) == len(labels):
            return labels
    return [format_number(value, 8) for value in values]
