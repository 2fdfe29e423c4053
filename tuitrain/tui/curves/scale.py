"""From iterations to places on the x axis and back: by count, by epoch, by time."""

from collections.abc import Sequence
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from tuitrain.model import Series, TrialModel

_Numbers = NDArray[np.float64]


class Scale(Protocol):
    """A rule that never turns back: later iterations lie at or right of earlier ones."""

    def to_x(self, iterations: _Numbers) -> _Numbers:
        """Return the place of each iteration on the x axis."""
        ...

    def to_iterations(self, x: _Numbers) -> _Numbers:
        """Return the iteration, not rounded, at each place on the x axis."""
        ...


class EvenScale(msgspec.Struct, frozen=True):
    """Every iteration is as long as any other."""

    per_iteration: float = 1.0
    """Units of the x axis; 1/iterations-per-epoch to count epochs."""

    def to_x(self, iterations: _Numbers) -> _Numbers:
        """Return the place of each iteration on the x axis."""
        return iterations * self.per_iteration

    def to_iterations(self, x: _Numbers) -> _Numbers:
        """Return the iteration, not rounded, at each place on the x axis."""
        return x / self.per_iteration


class TimeScale(msgspec.Struct, frozen=True):
    """Seconds of training; between two writings of points time runs evenly."""

    iterations: NDArray[np.int64]
    """Newest iteration of each writing, not decreasing, shape (writings,), ≥ 1."""
    at_s: _Numbers
    """When it was written, not decreasing, shape (writings,)."""
    start_s: float
    """When the trial began, in the same count."""

    def to_x(self, iterations: _Numbers) -> _Numbers:
        """Return the seconds since the start at each iteration."""
        at_s = _between(self.iterations, self.at_s, (0.0, self.start_s), iterations)
        return at_s - self.start_s

    def to_iterations(self, x: _Numbers) -> _Numbers:
        """Return the iteration at each time; after the last writing, the one after."""
        at_s = x + self.start_s
        found = _between(self.at_s, self.iterations, (self.start_s, 0.0), at_s)
        found = np.where(at_s > self.at_s[-1], float(self.iterations[-1]) + 1.0, found)
        return np.where(at_s < self.start_s, -1.0, found)


def time_scale(parts: Sequence[TrialModel]) -> TimeScale | None:
    """Return the scale over a trajectory, oldest part first; None: nothing written.

    The time between the end of a part and the start of the next is left out.
    """
    written = [part for part in parts if len(part.times)]
    if not written:
        return None
    if len(written) == 1:
        times, start_s = written[0].times, _start_of(written[0])
        return TimeScale(times.iterations, times.values, start_s)
    iterations: list[NDArray[np.int64]] = []
    at_s: list[_Numbers] = []
    passed_s = 0.0
    for part, following in zip(written, [*written[1:], None], strict=True):
        times = part.times if following is None else _before(part, following)
        if not len(times):
            continue
        iterations.append(times.iterations)
        at_s.append(times.values - _start_of(part) + passed_s)
        passed_s = float(at_s[-1][-1])
    return TimeScale(np.concatenate(iterations), np.concatenate(at_s), 0.0)


def _before(part: TrialModel, following: TrialModel) -> Series:
    """Return the times of a part up to where the following one carries on."""
    begins = min(int(s.iterations[0]) for s in following.series.values() if len(s))
    return part.times.until(begins - 1)


def _start_of(part: TrialModel) -> float:
    first_s = float(part.times.values[0])
    return first_s if part.started_at_s is None else min(part.started_at_s, first_s)


def _between(
    keys: NDArray[np.generic],
    values: NDArray[np.generic],
    before: tuple[float, float],
    wanted: _Numbers,
) -> _Numbers:
    """Return values between knots by straight lines; at both ends, the outermost one.

    Args:
        keys: Key of each knot, not decreasing, shape (knots,), at least one.
        values: Value of each knot.
        before: Key and value of one more knot before the first.
        wanted: Keys to look up.
    """
    right = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    left = np.maximum(right - 1, 0)
    is_first = right == 0
    key_from = np.where(is_first, before[0], keys[left].astype(np.float64))
    value_from = np.where(is_first, before[1], values[left].astype(np.float64))
    length = np.maximum(keys[right].astype(np.float64) - key_from, 1e-12)
    share = np.clip((wanted - key_from) / length, 0.0, 1.0)
    reached: _Numbers = value_from + share * (values[right] - value_from)
    return reached
