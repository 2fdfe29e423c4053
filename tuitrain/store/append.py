"""Appending to a log: one write a batch, nothing torn, nothing lost twice."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import tuitrain
from tuitrain.clock import SYSTEM_CLOCK, Clock
from tuitrain.events import (
    FORMAT,
    FORMAT_VERSION,
    Event,
    LogOpened,
    Record,
    encode_record,
)
from tuitrain.store.failures import StoreError
from tuitrain.store.folder import PRIVATE_FILE
from tuitrain.store.tail import ends_whole, find_last
from tuitrain.units import Seconds

SAME_TIME_S: Final = 1.0
"""Clocks that differ by less tell people the same time."""


class LogWriter:
    """The one writer of one log file.

    A log that exists is carried on: a torn last line is closed with a newline, so that
    it costs itself only, and sequence numbers go on from the last whole record.
    """

    def __init__(
        self,
        path: Path,
        stream: str,
        clock: Clock = SYSTEM_CLOCK,
        *,
        booted_at_s: Seconds | None = None,
    ) -> None:
        """Open `path` for appending and write the first line if it is new.

        Args:
            path: The log.
            stream: Its name.
            clock: Tells the time of each record.
            booted_at_s: When this boot began, by a wall clock that all logs of a study
                go by, whatever it is set to later; None: by the wall clock as it is.

        Raises:
            StoreError: The file can't be opened or written.
        """
        self._path = path
        self._clock = clock
        self._booted_at_s = booted_at_s
        self._descriptor = -1
        self._torn_from: int | None = None
        try:
            self._open(stream)
        except BaseException:
            # Whoever tries again and again must not run out of descriptors by it.
            self.close()
            raise

    def _open(self, stream: str) -> None:
        try:
            self._descriptor = os.open(
                self._path,
                os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC,
                PRIVATE_FILE,
            )
            self._next_seq = self._find_next_seq()
        except OSError as error:
            raise StoreError(
                f"{self._path}: can't be opened ({error.strerror})"
            ) from None
        if self._next_seq == 0:
            opened = LogOpened(
                format=f"{FORMAT}/{FORMAT_VERSION}",
                stream=stream,
                tuitrain=tuitrain.__version__,
            )
            self.append([opened])

    def append(self, events: Sequence[Event]) -> list[bytes]:
        """Write `events` by one `write()` and return their lines, as written.

        Nothing is acknowledged that is not whole on file: after a short write (disk
        full) the file is cut back to where it was and the batch may be offered again.

        Raises:
            StoreError: The batch was not written; no part of it is in the file.
            MalformedRecordError: An event can't be written at all; nothing was.
        """
        wall_s, mono_s = self._clock.wall_s(), self._clock.mono_s()
        booted_at_s, at_s = self._booted_at_s, wall_s
        if booted_at_s is not None:
            at_s = Seconds(booted_at_s + mono_s)
        lines = [
            encode_record(
                Record(
                    seq=self._next_seq + index,
                    at_s=at_s,
                    mono_s=mono_s,
                    wall_s=wall_s if abs(wall_s - at_s) > SAME_TIME_S else None,
                    event=event,
                )
            )
            for index, event in enumerate(events)
        ]
        self._write(b"".join(lines))
        self._next_seq += len(lines)
        return lines

    def sync(self) -> None:
        """Force what was written to the disk; for rare records that must survive power loss."""
        try:
            os.fdatasync(self._descriptor)
        except OSError as error:
            raise StoreError(f"{self._path}: fsync failed ({error.strerror})") from None

    def close(self) -> None:
        """Close the file; calling it again does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _write(self, content: bytes) -> None:
        try:
            self._cut_back()
            end = os.lseek(self._descriptor, 0, os.SEEK_END)
            written = os.write(self._descriptor, content)
            if written == len(content):
                return
            self._torn_from = end
            self._cut_back()
        except OSError as error:
            raise StoreError(f"{self._path}: {error.strerror}") from None
        raise StoreError(
            f"{self._path}: no space left, {written} of {len(content)} bytes"
        )

    def _cut_back(self) -> None:
        """Take away what a short write left; until then nothing may be put behind it."""
        if self._torn_from is not None:
            # Safe since nobody else appends to this file.
            os.ftruncate(self._descriptor, self._torn_from)
            self._torn_from = None

    def _find_next_seq(self) -> int:
        """Close a torn last line, and return the number after the last whole record."""
        last = find_last(self._descriptor)
        if not ends_whole(self._descriptor):
            os.write(self._descriptor, b"\n")
        return 0 if last is None else last.seq + 1
