"""Reading a log while it grows: whole lines now, the torn tail when it is whole."""

import os
from pathlib import Path

import msgspec

from tuitrain.events import (
    FORMAT,
    FORMAT_VERSION,
    DamagedRecordError,
    LogOpened,
    LogVersionError,
    MalformedRecordError,
    Record,
    decode_record,
)
from tuitrain.store.failures import StoreError
from tuitrain.store.tail import find_last

_VERSION_DIGITS = 9

READ_BYTES = 1 << 18
"""Bytes read in one bite, so that a long log can't hold its reader up."""


class StreamDamage(msgspec.Struct, frozen=True):
    """What could not be read of a log so far."""

    bad_lines: int
    """Lines that were torn or damaged; each cost itself only."""
    missing_records: int
    """Sequence numbers never seen."""


class LogFollower:
    """Reads one log from its start, and again whenever there may be more.

    Lines may also come by the socket (`offer`); they are taken only in sequence, so a
    gap is always filled from the file, and every record is returned exactly once.
    """

    def __init__(self, path: Path) -> None:
        """Follow `path`, which may not exist yet."""
        self._path = path
        self._offset = 0
        self._next_seq = 0
        self._bad_lines = 0
        self._missing = 0

    @property
    def path(self) -> Path:
        """The file that is read."""
        return self._path

    @property
    def damage(self) -> StreamDamage:
        """What could not be read so far."""
        return StreamDamage(self._bad_lines, self._missing)

    def offer(self, line: bytes) -> Record | None:
        """Take one line that came by the socket, newline included.

        Returns:
            The record, or None: it was seen before, or records before it are missing
            here and `read` must fetch them.
        """
        try:
            record = decode_record(line)
        except MalformedRecordError:
            return None
        if record.seq != self._next_seq:
            return None
        self._next_seq += 1
        # The writer appends a line before it offers it, so the file holds it here.
        self._offset += len(line)
        return record

    def read(self, max_bytes: int = READ_BYTES) -> list[Record]:
        """Return the whole records after those already returned, at most one bite.

        An empty list means there is nothing new at the moment; a file that does not
        exist yet is an empty one.

        Raises:
            StoreError: The file can't be read, or is no log.
            LogVersionError: A newer tuitrain wrote it.
        """
        return [record for _, record in self._read(max_bytes)]

    def read_lines(self, max_bytes: int = READ_BYTES) -> list[tuple[bytes, Record]]:
        """Do what `read` does, and return each record with its line, byte for byte.

        The lines end in a newline, as `offer` takes them.

        Raises:
            StoreError: The file can't be read, or is no log.
            LogVersionError: A newer tuitrain wrote it.
        """
        return [(line + b"\n", record) for line, record in self._read(max_bytes)]

    def _read(self, max_bytes: int) -> list[tuple[bytes, Record]]:
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                block = file.read(max_bytes)
                while block and b"\n" not in block:
                    more = file.read(max_bytes)
                    if not more:
                        break
                    block += more
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(
                f"{self._path}: can't be read ({error.strerror})"
            ) from None
        *whole, torn = block.split(b"\n")
        lines = self._decode(whole)
        self._offset += len(block) - len(torn)
        return lines

    def skip(self) -> None:
        """Leave out what the file holds now; only what is written later is returned.

        Raises:
            StoreError: The file can't be read.
        """
        try:
            with self._path.open("rb") as file:
                end = os.fstat(file.fileno()).st_size
                start = max(0, end - READ_BYTES)
                end = (
                    start + os.pread(file.fileno(), end - start, start).rfind(b"\n") + 1
                )
                last = find_last(file.fileno(), end)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreError(
                f"{self._path}: can't be read ({error.strerror})"
            ) from None
        if last is not None:
            self._offset, self._next_seq = end, last.seq + 1

    def has_more(self) -> bool:
        """Whether the file holds bytes not yet read; a torn tail counts."""
        try:
            return os.stat(self._path).st_size > self._offset
        except OSError:
            return False

    def _decode(self, lines: list[bytes]) -> list[tuple[bytes, Record]]:
        """Return the new records with their lines; a bad line costs itself only.

        Not so where nothing has ever been read and nothing here can be: that is no log.
        """
        records: list[tuple[bytes, Record]] = []
        bad_lines = 0
        for line in lines:
            is_first = self._next_seq == 0 and not records
            try:
                record = decode_record(line)
            except DamagedRecordError:
                # Nothing in it can be relied on: a flipped bit makes a version 9 of 1.
                bad_lines += 1
                continue
            except MalformedRecordError:
                if is_first:
                    self._refuse_newer(line)
                bad_lines += bool(line)
                continue
            if is_first:
                self._check_first(record)
            if record.seq < self._next_seq:
                continue
            self._missing += record.seq - self._next_seq
            self._next_seq = record.seq + 1
            records.append((line, record))
        if bad_lines and self._next_seq == 0:
            raise StoreError(
                f"{self._path}: is not a tuitrain log (no line of it can be read); "
                "give a study folder, a trial folder or a .jsonl log of one"
            )
        self._bad_lines += bad_lines
        return records

    def _check_first(self, record: Record) -> None:
        if not isinstance(record.event, LogOpened):
            return
        name, _, version = record.event.format.partition("/")
        if name != FORMAT or not version.isdecimal():
            raise StoreError(f"{self._path.name}: is not a tuitrain log")
        if _is_newer(version):
            raise self._version_error(version)

    def _refuse_newer(self, line: bytes) -> None:
        """Raise if `line`, though unreadable here, opens the log of a newer version."""
        try:
            raw = msgspec.json.decode(line)
            name, _, version = str(raw["event"]["format"]).partition("/")
        except (
            msgspec.DecodeError,
            RecursionError,
            UnicodeDecodeError,
            KeyError,
            TypeError,
        ):
            return
        if name == FORMAT and version.isdecimal() and _is_newer(version):
            raise self._version_error(version)

    def _version_error(self, version: str) -> LogVersionError:
        return LogVersionError(
            f"{self._path.name}: log version {version[:_VERSION_DIGITS]} is newer than this tuitrain "
            f"({FORMAT_VERSION}); upgrade to read it"
        )


def _is_newer(version: str) -> bool:
    # Python refuses to read a number of thousands of digits.
    return len(version) > _VERSION_DIGITS or int(version) > FORMAT_VERSION
