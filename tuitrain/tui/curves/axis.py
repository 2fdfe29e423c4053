"""Axes whose ends and ticks are round numbers, and stay while the data grows."""

import math
from dataclasses import dataclass

LARGEST = 1e300
"""Values beyond are drawn at the edge: differences of larger ones overflow."""
SMALLEST_LOG = 1e-300

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_KEPT_SHARE = 0.4
"""An axis is kept while the data fills at least this share of it."""


@dataclass(frozen=True)
class Axis:
    """One axis of a plot; on a log axis all numbers but the labels are logarithms."""

    low: float
    high: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]
    is_log: bool = False

    @property
    def span(self) -> float:
        """Length of the axis, above 0."""
        return self.high - self.low


def nice_step(span: float, count: int) -> float:
    """Return the round step that cuts `span` into at most `count` parts."""
    rough = span / max(1, count)
    power = 10.0 ** math.floor(math.log10(rough)) if rough > 0 else 1.0
    for step in _STEPS:
        if step * power >= rough * (1 - 1e-9):
            return step * power
    return 10.0 * power


def linear_axis(low: float, high: float, count: int, kept: Axis | None = None) -> Axis:
    """Return an axis with about `count` ticks around [low, high].

    Args:
        low: Smallest finite value.
        high: Largest finite value, ≥ low.
        count: Ticks there is room for.
        kept: The axis in use; it is returned as long as it fits well.
    """
    low, high = (min(max(value, -LARGEST), LARGEST) for value in (low, high))
    if kept is not None and not kept.is_log and _still_fits(low, high, kept):
        return kept
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-300):
        margin = abs(low) * 0.1 or 1.0
        low, high = low - margin, high + margin
    step = nice_step(high - low, count)
    # Ends lie on halves of a step: close to the data, and still round.
    first, last = math.floor(2 * low / step + 1e-9), math.ceil(2 * high / step - 1e-9)
    whole = range(math.ceil(first / 2), math.floor(last / 2) + 1)
    ticks = tuple(index * step for index in whole)
    return Axis(first * step / 2, last * step / 2, ticks, _labels(ticks, step))


def log_axis(low: float, high: float, count: int, kept: Axis | None = None) -> Axis:
    """Return a log axis around positive [low, high]; see `linear_axis`."""
    low, high = (min(max(value, SMALLEST_LOG), LARGEST) for value in (low, high))
    low10, high10 = math.log10(low), math.log10(high)
    if kept is not None and kept.is_log and _still_fits(low10, high10, kept):
        return kept
    if high10 - low10 >= 1.0:
        step = max(1.0, nice_step(high10 - low10, count))
        first, last = math.floor(low10 / step), math.ceil(high10 / step)
        ticks = tuple(index * step for index in range(first, last + 1))
        labels = tuple(f"1e{tick:.0f}" for tick in ticks)
        return Axis(ticks[0], ticks[-1], ticks, labels, is_log=True)
    inner = linear_axis(low, high, count)
    positive = [tick for tick in inner.ticks if tick > 0]
    bottom = positive[0] if positive[0] <= low else low
    positions = tuple(math.log10(tick) for tick in positive)
    labels = tuple(inner.labels[-len(positive) :])
    return Axis(
        math.log10(bottom), max(positions[-1], high10), positions, labels, is_log=True
    )


def count_axis(end: float, count: int) -> Axis:
    """Return the axis from 0 to a round number at or above `end`, for iterations."""
    end = max(end, 1.0)
    power = 10.0 ** math.floor(math.log10(end))
    rounds = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
    top = next(r for r in rounds if r * power >= end * (1 - 1e-9)) * power
    step = nice_step(top, count)
    ticks = tuple(index * step for index in range(math.floor(top / step + 1e-9) + 1))
    return Axis(0.0, top, ticks, _labels(ticks, step))


def _still_fits(low: float, high: float, kept: Axis) -> bool:
    return (
        low >= kept.low - 1e-12 * kept.span
        and high <= kept.high + 1e-12 * kept.span
        and high - low >= _KEPT_SHARE * kept.span
    )


def _labels(ticks: tuple[float, ...], step: float) -> tuple[str, ...]:
    largest = max(abs(tick) for tick in ticks)
    if largest >= 1e6 or 0 < largest < 1e-3:
        return tuple(_short_power(tick, step) for tick in ticks)
    if largest >= 1e4:
        return tuple(_thousands(tick) for tick in ticks)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    if step * 10**digits % 1 > 1e-6:
        digits += 1
    return tuple(f"{tick:.{digits}f}" for tick in ticks)


def _thousands(value: float) -> str:
    return f"{value / 1000:g}k" if value else "0"


def _short_power(value: float, step: float) -> str:
    if abs(value) < step / 2:
        return "0"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"
