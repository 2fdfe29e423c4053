"""Trouble that comes back with every try, in the log once in a while only."""

import logging
import math
from typing import Final

from tuitrain.clock import SYSTEM_CLOCK

LOG_AGAIN_S: Final = 600.0
"""Between two lines of the log about the same trouble."""

_log = logging.getLogger(__name__)


class TroubleLog:
    """Remembers when it said what."""

    def __init__(self) -> None:
        """Nothing was said so far."""
        self._said_s: dict[str, float] = {}

    def add(self, trouble: str) -> None:
        """Log `trouble`, if that was not done a short while ago."""
        now_s = SYSTEM_CLOCK.mono_s()
        if now_s - self._said_s.get(trouble, -math.inf) > LOG_AGAIN_S:
            self._said_s[trouble] = now_s
            _log.error("%s; will try again", trouble)
