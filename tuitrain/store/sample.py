"""Some lines of a log, from all over it, at the same cost however long it is."""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from tuitrain.events import MalformedRecordError, Record, decode_record

_BLOCK_BYTES: Final = 1 << 13
_A_BLOCK: Final = 1
"""Records of each block: a place of a picture shows no more."""


def sample(path: Path, blocks: int) -> list[Record]:
    """Return records from blocks spread evenly over a log, in the order they stand.

    Of a short log that is all of them. For a first look only: lines that can't be read,
    as those that a block cuts in two, are left out, and so is a log that can't be opened.

    Args:
        path: The log.
        blocks: How many places to read at, ≥ 2, of 8 KiB each; a long log gives one
            record of each, and all of the first and the last.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        return _sample(descriptor, blocks)
    except OSError:
        return []
    finally:
        os.close(descriptor)


def _sample(descriptor: int, blocks: int) -> list[Record]:
    size = os.fstat(descriptor).st_size
    last = max(0, size - _BLOCK_BYTES)
    if size <= blocks * _BLOCK_BYTES:
        return list(_decode(os.pread(descriptor, size, 0)))
    records: list[Record] = []
    for block in range(blocks):
        start = last * block // (blocks - 1)
        # Those with the beginning and the end of the log in them whole.
        wanted = _A_BLOCK if 0 < block < blocks - 1 else None
        records += islice(_decode(os.pread(descriptor, _BLOCK_BYTES, start)), wanted)
    return records


def _decode(block: bytes) -> Iterator[Record]:
    for line in block.split(b"\n"):
        try:
            yield decode_record(line)
        except MalformedRecordError:
            continue
