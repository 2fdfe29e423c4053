"""Points of a study in a file instead of memory; read back when a step is judged."""

import errno
import logging
import os
import struct
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tuitrain.model import Part, SpillError
from tuitrain.units import format_bytes

PART_ROWS: Final = 1024
"""Points that move together: 8 to 16 KiB, which a series that is measured ten times a second
has after two minutes."""
LEAST_FREE_BYTES: Final = 256 << 20
"""Ours: a disk with less is left to logs and checkpoints, and points stay in memory."""

_Iterations = NDArray[np.int64]
_Values = NDArray[np.float64]

_FACTS: Final = struct.Struct("=qqq")
"""Place of the part before, first iteration, and the step between iterations; 0: they
are not even, and are written out after the values."""
_CHECKSUM: Final = struct.Struct("=I")
"""CRC-32 of the facts and the columns that are written."""
_HEAD_BYTES: Final = _FACTS.size + _CHECKSUM.size
_CHECK_PARTS: Final = 64
"""Parts written between two looks at the free space: up to 1 MiB."""

_log = logging.getLogger(__name__)


class SpillFile:
    """Parts of all series of a study, one after the other in a file without a name.

    The kernel frees it with this process, however that ends. It is read and written by
    calls and never mapped, so that a disk that fails is an error and no signal. A
    checksum tells what was written and is lost: some disks say so only afterwards.
    """

    def __init__(
        self,
        folder: Path,
        *,
        part_rows: int = PART_ROWS,
        least_free_bytes: int = LEAST_FREE_BYTES,
    ) -> None:
        """Keep parts on the disk of `folder`, while so much of it is free."""
        self._folder = folder
        self._part_rows = part_rows
        self._least_free_bytes = least_free_bytes
        self._descriptor: int | None = None
        self._end = self._count = 0
        self._is_held_up = False
        try:
            # At once: later there may be no descriptor left.
            self._open()
        except OSError as error:
            self._tell(error)

    @property
    def part_rows(self) -> int:
        """Points that move together."""
        return self._part_rows

    def keep(self, before: int, iterations: _Iterations, values: _Values) -> int | None:
        """Keep a part and return its place; None: not possible now, which is logged."""
        try:
            descriptor = self._open()
            if self._is_held_up or self._count % _CHECK_PARTS == 0:
                self._check_room(descriptor)
            size = self._write(descriptor, before, iterations, values)
        except OSError as error:
            self._tell(error)
            return None
        self._is_held_up = False
        place, self._end = self._end, self._end + size
        self._count += 1
        return place

    def read_back(self, place: int, iterations: _Iterations, values: _Values) -> Part:
        """Fill an array with the values of the part at a place; see `Spill`.

        Raises:
            SpillError: It can't be read, or is not what it was.
        """
        if self._descriptor is None:
            raise SpillError(f"{self._folder}: points kept on disk are gone")
        head, columns = bytearray(_HEAD_BYTES), [values.data]
        try:
            size = os.preadv(self._descriptor, [head, values.data], place)
            before, first, step = _FACTS.unpack_from(head)
            if not step:
                columns.append(iterations.data)
                size += os.preadv(self._descriptor, [iterations.data], place + size)
        except OSError as error:
            raise SpillError(
                f"{self._folder}: points kept on disk can't be read ({error.strerror})"
            ) from None
        is_whole = size == _HEAD_BYTES + sum(column.nbytes for column in columns)
        if not is_whole or head != _make_head(head[: _FACTS.size], columns):
            raise SpillError(f"{self._folder}: points kept on disk are damaged")
        return Part(before, first, step)

    def close(self) -> None:
        """Give the space back; nothing can be read any more."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> int:
        if self._descriptor is None:
            self._descriptor = _open_without_name(self._folder)
        return self._descriptor

    def _write(
        self, descriptor: int, before: int, iterations: _Iterations, values: _Values
    ) -> int:
        """Write a part behind the others; return its bytes."""
        step, columns = _find_step(iterations), [values.data]
        if not step:
            columns.append(iterations.data)
        head = _make_head(_FACTS.pack(before, int(iterations[0]), step), columns)
        whole = len(head) + sum(column.nbytes for column in columns)
        if os.pwritev(descriptor, [head, *columns], self._end) < whole:
            # What is written of it is written over the next time.
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return whole

    def _check_room(self, descriptor: int) -> None:
        facts = os.fstatvfs(descriptor)
        if facts.f_bavail * facts.f_frsize < self._least_free_bytes:
            least = format_bytes(self._least_free_bytes)
            raise OSError(errno.ENOSPC, f"less than {least} free")

    def _tell(self, error: OSError) -> None:
        if not self._is_held_up:
            self._is_held_up = True
            _log.warning(
                "%s: points stay in memory (%s); will try again",
                self._folder,
                error.strerror,
            )


def _open_without_name(folder: Path) -> int:
    try:
        return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        # Not every file system can, and each says so in its way.
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
            raise
    descriptor, path = tempfile.mkstemp(prefix=".points-", dir=folder)
    Path(path).unlink()
    return descriptor


def _find_step(iterations: _Iterations) -> int:
    """Return what all iterations lie apart; 0: not all the same, or there is one."""
    steps = np.diff(iterations)
    return int(steps[0]) if len(steps) and bool((steps == steps[0]).all()) else 0


def _make_head(facts: bytes | bytearray, columns: Sequence[memoryview]) -> bytes:
    checksum = zlib.crc32(facts)
    for column in columns:
        checksum = zlib.crc32(column, checksum)
    return bytes(facts) + _CHECKSUM.pack(checksum)
