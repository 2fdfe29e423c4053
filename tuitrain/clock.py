"""The only reader of clocks; everything else is given the time."""

import time
from typing import Protocol

from tuitrain.units import Seconds


class Clock(Protocol):
    """Tells the time, or plays it in a test."""

    def wall_s(self) -> Seconds:
        """Seconds since the epoch, for people; may jump."""
        ...

    def mono_s(self) -> Seconds:
        """Seconds since an unknown moment of this boot, for durations."""
        ...


class SystemClock:
    """The clock of this machine."""

    def wall_s(self) -> Seconds:
        """Seconds since the epoch."""
        return Seconds(time.time())

    def mono_s(self) -> Seconds:
        """Seconds on the monotonic clock, shared by all processes of one boot."""
        return Seconds(time.monotonic())


SYSTEM_CLOCK = SystemClock()
"""The one clock a real process uses."""
