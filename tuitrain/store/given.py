"""A script's arguments as they were given, secrets included: in a file of their own.

It lies outside of the study, in a folder that only its owner can use, and is gone with it
when the machine restarts.
"""

import os
import stat
from pathlib import Path

import msgspec

from tuitrain.store.folder import PRIVATE_FILE, write_atomically

_MOST_BYTES = 16 << 20
"""More than the kernel takes as arguments of a process."""


class _Given(msgspec.Struct, frozen=True, kw_only=True):
    arguments: tuple[str, ...]


def write_given(path: Path, arguments: tuple[str, ...]) -> None:
    """Keep `arguments` at `path`, for their owner only.

    Raises:
        StoreError: The file can't be written.
    """
    write_atomically(path, msgspec.json.encode(_Given(arguments=arguments)))


def read_given(path: Path) -> tuple[str, ...] | None:
    """Return what `write_given` kept; None: nothing, or nothing that is ours alone."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (OSError, ValueError):  # a path that is none, from a damaged file
        return None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        is_ours = stat.S_ISREG(status.st_mode) and status.st_uid == os.getuid()
        if not is_ours or stat.S_IMODE(status.st_mode) & ~PRIVATE_FILE:
            return None
        try:
            given = msgspec.json.decode(file.read(_MOST_BYTES), type=_Given)
        except (OSError, msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return None
    return given.arguments
