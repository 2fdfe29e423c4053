"""Forcing logs to the disk, for the day the power fails; a kill loses nothing either way.

It happens in the shim, at most once a second, and in a thread: a disk may take seconds,
and neither the training nor the watch over it may wait for that.
"""

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tuitrain.clock import SYSTEM_CLOCK

FLUSH_EVERY_S: Final = 1.0
BUSY_FACTOR: Final = 10.0
"""A disk is given so many times longer to rest than it took."""


class Flusher:
    """Flushes files that grow; those that are not there yet, once they are."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Flush `paths` once `start` is called."""
        self._sizes = dict.fromkeys(paths, 0)

    def start(self) -> None:
        """Flush again and again, in a thread that ends with the process."""
        threading.Thread(target=self._run, name="tuitrain-flush", daemon=True).start()

    def flush(self) -> None:
        """Flush what has grown; what fails will be tried again when it has grown more."""
        for path, known in self._sizes.items():
            try:
                size = path.stat().st_size
                if size == known:
                    continue
                self._sizes[path] = size
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                continue
            try:
                os.fdatasync(descriptor)
            except OSError:
                # Trying again would look like success: the kernel tells only once.
                continue
            finally:
                os.close(descriptor)

    def _run(self) -> None:
        pause_s = FLUSH_EVERY_S
        while True:
            time.sleep(pause_s)
            began_s = SYSTEM_CLOCK.mono_s()
            self.flush()
            took_s = SYSTEM_CLOCK.mono_s() - began_s
            pause_s = max(FLUSH_EVERY_S, BUSY_FACTOR * took_s)
