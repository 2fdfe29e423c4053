"""Standard output of a training process: a full disk must not end it."""

import errno
import io
import os
import sys
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from collections.abc import Buffer  # type: ignore[attr-defined]

_PASSING: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG})
"""Of a disk, not of the script: what is printed meanwhile is lost, the training is not."""


class ForgivingOutput(io.RawIOBase):
    """A descriptor to which writing succeeds even while its disk takes nothing."""

    def __init__(self, descriptor: int) -> None:
        """Write to `descriptor`, which stays open whatever becomes of this object."""
        super().__init__()
        self._descriptor = descriptor

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, content: "Buffer") -> int:
        """Write what can be written, and drop the rest."""
        try:
            return os.write(self._descriptor, content)
        except OSError as error:
            if error.errno not in _PASSING:
                raise
            return memoryview(content).nbytes


def forgive_output() -> None:
    """Let `print` go through a disk's failures, line by line."""
    sys.stdout = _forgiving(sys.stdout)
    sys.stderr = _forgiving(sys.stderr)


def _forgiving(stream: TextIO) -> TextIO:
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(ForgivingOutput(descriptor)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=True,
    )
