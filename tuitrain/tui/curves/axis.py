"""Axes whose ends and ticks are round numbers, and stay while the data grows."""

import math

import msgspec

LARGEST = 1e300
"""Values beyond are drawn at the edge: differences of larger ones overflow."""
SMALLEST_LOG = 1e-300

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_KEPT_SHARE = 0.4
"""An axis is kept while the data fills at least this share of it."""
_ZERO_SHARE = 0.4
"""Data whose low end is this small beside its high end gets an axis from 0 on: a loss
that goes on falling then never moves the lower end."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_TIME_STEPS = (
    *(1, 2, 5, 10, 15, 30),
    *(minutes * _MINUTE for minutes in (1, 2, 5, 10, 15, 30)),
    *(hours * _HOUR for hours in (1, 2, 3, 6, 12, 24)),
)
_TIME_ENDS = (
    *(1, 2, 3, 5, 10, 15, 20, 30, 45),
    *(minutes * _MINUTE for minutes in (1, 1.5, 2, 3, 5, 10, 15, 20, 30, 45)),
    *(hours * _HOUR for hours in (1, 1.5, 2, 3, 5, 8, 12, 18, 24)),
)
"""Round ends of a time axis, in seconds."""


class Axis(msgspec.Struct, frozen=True):
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
    elif 0 < low < _ZERO_SHARE * high:
        low = 0.0
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


def time_axis(end_s: float, count: int) -> Axis:
    """Return the axis from 0 to a round time at or after `end_s`."""
    top = next((top for top in _TIME_ENDS if top >= end_s), None)
    if top is None:
        top = count_axis(end_s / _DAY, count).high * _DAY
    return window_axis(0.0, float(top), count, is_time=True)


def window_axis(low: float, high: float, count: int, *, is_time: bool = False) -> Axis:
    """Return an axis with exactly these ends and round ticks between them."""
    step = _time_step(high - low, count) if is_time else nice_step(high - low, count)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    ticks = tuple(index * step for index in range(first, last + 1))
    if is_time and step >= 1:
        return Axis(low, high, ticks, tuple(_time_label(tick) for tick in ticks))
    labels = _labels(ticks, step)
    return Axis(low, high, ticks, tuple(f"{t}s" for t in labels) if is_time else labels)


def _time_step(span_s: float, count: int) -> float:
    rough = span_s / max(1, count)
    if rough <= 1:
        return nice_step(span_s, count)
    step = next((step for step in _TIME_STEPS if step >= rough * (1 - 1e-9)), None)
    return step if step is not None else nice_step(span_s / _DAY, count) * _DAY


def _time_label(at_s: float) -> str:
    """Return a time with its two largest units at most: `0`, `45s`, `1m30`, `2h05`."""
    whole = round(at_s)
    for unit, part, name in (
        (_DAY, _HOUR, "d"),
        (_HOUR, _MINUTE, "h"),
        (_MINUTE, 1, "m"),
    ):
        if whole >= unit:
            rest = whole % unit // part
            return (
                f"{whole // unit}{name}{rest:02d}" if rest else f"{whole // unit}{name}"
            )
    return f"{whole}s" if whole else "0"


def _still_fits(low: float, high: float, kept: Axis) -> bool:
    return (
        low >= kept.low - 1e-12 * kept.span
        and high <= kept.high + 1e-12 * kept.span
        and high - low >= _KEPT_SHARE * kept.span
    )


_PREFIXES = ((1e6, "M"), (1e4, "k"), (0.0, ""))
"""From which number on labels are written in which unit."""
_UNITS = {"M": 1e6, "k": 1e3, "": 1.0}
_MOST_DIGITS = 9


def _labels(ticks: tuple[float, ...], step: float) -> tuple[str, ...]:
    """Return the ticks in as many digits as tell neighbours apart."""
    largest = max((abs(tick) for tick in ticks), default=0.0)
    if largest >= 1e9 or 0 < largest < 1e-3:
        return tuple(_short_power(tick, step, largest) for tick in ticks)
    name = next(name for least, name in _PREFIXES if largest >= least)
    unit = _UNITS[name]
    step /= unit
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    if step * 10**digits % 1 > 1e-6:
        digits += 1
    digits = min(digits, _MOST_DIGITS)
    labels = (f"{tick / unit:.{digits}f}{name}" for tick in ticks)
    return tuple(
        "0" if tick == 0 and name else label
        for tick, label in zip(ticks, labels, strict=True)
    )


def _short_power(value: float, step: float, largest: float) -> str:
    if abs(value) < step / 2:
        return "0"
    digits = math.floor(math.log10(largest)) - math.floor(math.log10(step) + 1e-9)
    mantissa, exponent = f"{value:.{min(max(digits, 1), _MOST_DIGITS)}e}".split("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{int(exponent)}"
