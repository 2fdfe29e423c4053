"""Reading a log in a process of its own, while this one loads the screen."""

import gc
import mmap
import os
import pickle
import select
import signal
from array import array
from pathlib import Path
from typing import Final, NamedTuple

from tuitrain.events import RecordError
from tuitrain.model import Recording
from tuitrain.sources import StudySource
from tuitrain.store import StoreError

_ALIGNED: Final = 64
"""Where each column begins in memory, as numpy likes it best, in bytes."""


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
        # Tens of megabytes are handed over without a copy, which would be made by a
        # thread that waits for its turn with each bit of them.
        self._memory = os.memfd_create("tuitrain-ahead")
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._tell)
            os.close(self._answer)
            _read_until_asked(path, told, answered, self._memory)
        os.close(told)
        os.close(answered)

    @classmethod
    def begin(cls, path: Path) -> "ReadAhead | None":
        """Begin to read at `path`; None: the machine has no process to spare."""
        try:
            return cls(path)
        except OSError:
            return None

    def is_done(self, patience_s: float) -> bool:
        """Whether it has come to the end, or failed, within `patience_s`."""
        return bool(select.select([self._answer], [], [], patience_s)[0])

    def take(self, patience_s: float) -> Read | None:
        """Return how far it came; None: it failed. To be called once, by any thread.

        Args:
            patience_s: How long it may go on until it is asked; less if it is done.
        """
        try:
            self.is_done(patience_s)
        finally:
            os.close(self._tell)
        try:
            with open(self._answer, "rb") as answer:
                sizes = array("q", answer.read())
            return _unpack(self._memory, sizes) if sizes else None
        finally:
            os.close(self._memory)
            os.waitpid(self._pid, 0)


def _pack(read: Read, memory: int) -> "array[int]":
    """Write what was read to a file in memory; return the sizes of its parts, in bytes."""
    columns: list[pickle.PickleBuffer] = []
    parts = [pickle.dumps(read, protocol=5, buffer_callback=columns.append)]
    views = [memoryview(parts[0]), *(column.raw() for column in columns)]
    with open(memory, "wb") as file:
        for view in views:
            file.write(view)
            file.write(bytes(-len(view) % _ALIGNED))
    return array("q", map(len, views))


def _unpack(memory: int, sizes: "array[int]") -> Read | None:
    """Return what `_pack` wrote; the columns stay where they are."""
    pages = memoryview(mmap.mmap(memory, 0, access=mmap.ACCESS_COPY))
    views = []
    place = 0
    for size in sizes:
        views.append(pages[place : place + size])
        place += size + -size % _ALIGNED
    # Of our own process, by memory that nobody else has.
    read = pickle.loads(views[0], buffers=views[1:])  # noqa: S301
    return read if isinstance(read, Read) else None


def _read_until_asked(path: Path, told: int, answered: int, memory: int) -> None:
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
        os.write(answered, _pack(Read(source, recording), memory).tobytes())
    except (OSError, StoreError, RecordError):
        # Whoever reads it from the start says so.
        pass
    finally:
        os._exit(0)
