"""The last whole record of a log, found from its end."""

import os
from pathlib import Path
from typing import Final

from tuitrain.events import MalformedRecordError, Record, decode_record
from tuitrain.store.failures import StoreError

_BLOCK_BYTES: Final = 1 << 16


def find_last(descriptor: int, end: int | None = None) -> Record | None:
    """Return the last record of an open log that can be read; None: there is none.

    Args:
        descriptor: Of the log.
        end: Bytes of it that count; None: all there are.
    """
    if end is None:
        end = os.fstat(descriptor).st_size
    start = end
    while start > 0:
        start = max(0, start - _BLOCK_BYTES)
        tail = os.pread(descriptor, end - start, start)
        lines = tail.split(b"\n")
        # Cut off at its front, the first line may look whole only at the file's start.
        for line in reversed(lines if start == 0 else lines[1:]):
            try:
                return decode_record(line)
            except MalformedRecordError:
                continue
    return None


def ends_whole(descriptor: int) -> bool:
    """Whether the last line of an open log is complete; an empty log has none."""
    end = os.fstat(descriptor).st_size
    return end == 0 or os.pread(descriptor, 1, end - 1) == b"\n"


def read_last(path: Path) -> Record | None:
    """Return the last record of a log that can be read; None: it holds none.

    Costs the same however long the log is. A log that does not exist yet holds none.

    Raises:
        StoreError: It can't be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path}: can't be read ({error.strerror})") from None
    try:
        return find_last(descriptor)
    except OSError as error:
        raise StoreError(f"{path}: can't be read ({error.strerror})") from None
    finally:
        os.close(descriptor)
