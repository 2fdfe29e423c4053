"""Reading a log in a process of its own, while this one loads the screen."""

import contextlib
import fcntl
import gc
import os
import pickle
import select
import signal
from pathlib import Path
from typing import Final, NamedTuple

from tuitrain.events import RecordError
from tuitrain.model import Recording
from tuitrain.sources import StudySource
from tuitrain.store import StoreError

PIPE_BYTES: Final = 1 << 20
"""What the kernel holds of an answer of tens of megabytes, so that both sides seldom wait;
any user may have as much."""


class Read(NamedTuple):
    """How far a log was read."""

    source: StudySource
    """Goes on where reading stopped."""
    recording: Recording
    """What was read."""


class ReadAhead:
    """Reads until it is asked for what it has.

    A hint, never needed: whoever gets nothing reads from the start. The process ends
    with this one, and touches nothing but the log and its pipes.
    """

    def __init__(self, path: Path) -> None:
        """Begin to read the study, the trial folder or the log at `path`.

        Call it before there are threads: the process is a fork of this one.
        """
        told, self._tell = os.pipe()
        self._answer, answered = os.pipe()
        with contextlib.suppress(OSError):  # not more than a user may have
            fcntl.fcntl(answered, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._tell)
            os.close(self._answer)
            _read_until_asked(path, told, answered)
        os.close(told)
        os.close(answered)

    @classmethod
    def begin(cls, path: Path) -> "ReadAhead | None":
        """Begin to read at `path`; None: the machine has no process to spare."""
        try:
            return cls(path)
        except OSError:
            return None

    def take(self, patience_s: float) -> Read | None:
        """Return how far it came; None: it failed. To be called once, by any thread.

        Args:
            patience_s: How long it may go on until it is asked; less if it is done.
        """
        try:
            select.select([self._answer], [], [], patience_s)
        finally:
            os.close(self._tell)
        try:
            with open(self._answer, "rb") as answer:
                # Of our own process, by a pipe that nobody else has an end of.
                read = pickle.load(answer)  # noqa: S301
        except (EOFError, pickle.UnpicklingError):
            read = None
        finally:
            os.waitpid(self._pid, 0)
        return read if isinstance(read, Read) else None


def _read_until_asked(path: Path, told: int, answered: int) -> None:
    """Read, answer and end; whatever happens, nothing else of this process runs."""
    try:
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        gc.disable()  # what is read is kept, and the process ends
        # It has what is left of the machine: the screen comes first.
        os.nice(10)
        # Ctrl-C is for the one that reads the keys, and this one follows it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        source, recording = StudySource(path), Recording()
        while records := source.read():
            recording.add(records)
            if select.select([told], [], [], 0)[0]:
                break
        with open(answered, "wb") as answer:
            pickle.dump(Read(source, recording), answer, pickle.HIGHEST_PROTOCOL)
    except (OSError, StoreError, RecordError):
        # Whoever reads it from the start says so.
        pass
    finally:
        os._exit(0)
