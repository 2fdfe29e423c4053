"""What trials measured before this supervisor came, read while it is already at work."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final

from tuitrain.events import LogVersionError, TrialFinished, TrialId
from tuitrain.store import StoreError
from tuitrain.supervisor.streams import Line, StudyStreams

BITE_BYTES: Final = 1 << 15
"""Read between two looks at the socket: about 2 ms."""

_log = logging.getLogger(__name__)


class Past:
    """The points of trials that were there before, read in bites.

    A supervisor is of use long before it has read them all: it adopts trials, stops
    them, and puts their ends on record. Only judging needs every point.
    """

    def __init__(
        self, streams: StudyStreams, remember: Callable[[Iterable[Line]], None]
    ) -> None:
        """Read from `streams` and let the study remember their lines."""
        self._streams = streams
        self._remember = remember
        self._behind: dict[TrialId, None] = {}
        self._begun = asyncio.Event()

    @property
    def is_read(self) -> bool:
        """Whether all points that were there before are known."""
        return not self._behind

    def is_behind(self, trial: TrialId) -> bool:
        """Whether points of `trial` are still to be read."""
        return trial in self._behind

    def begin(self, trials: Iterable[TrialId]) -> None:
        """Name the trials whose points are there already."""
        self._behind = dict.fromkeys(trials)
        self._begun.set()

    def look_for_last_word(self, trial: TrialId) -> None:
        """Let the study know the last word of `trial` before all that it said.

        Whether it ended well or is lost must not wait for a million points.
        """
        last = self._streams.peek_at_last(trial)
        if last is not None and isinstance(last.event, TrialFinished):
            self._remember([Line(f"{trial}/points", b"", last)])

    async def read(self) -> None:
        """Read all of it, the newest trials first, never holding up others for long."""
        self._begun.clear()
        while self._behind:
            trial = next(reversed(self._behind))
            try:
                while bite := self._streams.read_points(trial, BITE_BYTES):
                    self._remember(bite)
                    await asyncio.sleep(0)
            except (StoreError, LogVersionError) as error:
                # One damaged file must not hold up the others.
                _log.error("%s", error)
            del self._behind[trial]

    async def wait_for_more(self) -> None:
        """Wait until there is something to read again."""
        await self._begun.wait()
