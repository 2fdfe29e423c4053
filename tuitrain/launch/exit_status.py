"""How a process ended that was never our child, where the kernel tells.

Before anybody has waited for it, every kernel does; after that, Linux 6.15.
"""

import fcntl
import os
import struct
from dataclasses import dataclass
from typing import Final

from tuitrain.events import TrialId
from tuitrain.launch.identity import ProcessIdentity, read_zombie_status

_PIDFD_GET_INFO: Final = 0xC040FF0B
"""`_IOWR(0xFF, 11, struct pidfd_info)` with the struct's first, 64 bytes long version."""
_EXIT: Final = 1 << 3
"""`PIDFD_INFO_EXIT`: asked for, and set in the answer if the exit status is in it."""
_INFO_BYTES: Final = 64
_STATUS_AT: Final = 60


@dataclass(frozen=True)
class ExitStatus:
    """How a process ended."""

    exit_code: int | None
    """None when a signal ended it."""
    signal: int | None
    """None when it ended by itself."""

    @classmethod
    def of(cls, wait_status: int) -> "ExitStatus":
        """Return what a wait status says."""
        code = os.waitstatus_to_exitcode(wait_status)
        return cls(code, None) if code >= 0 else cls(None, -code)


class ExitKeeper:
    """Holds on to processes, so that the kernel can tell how they ended.

    It tells only whoever held a descriptor before the end.
    """

    def __init__(self) -> None:
        """Hold on to nothing yet."""
        self._held: dict[TrialId, tuple[int, ProcessIdentity]] = {}

    def hold(self, trial: TrialId, process: ProcessIdentity) -> None:
        """Hold on to the process of `trial` from here on, if it is still there."""
        if trial in self._held:
            return
        try:
            descriptor = process.open()
        except OSError:
            # For want of descriptors; it may work the next time.
            return
        if descriptor is not None:
            self._held[trial] = (descriptor, process)

    def tell(self, trial: TrialId) -> ExitStatus | None:
        """Return how the process of `trial` ended; None: not yet, or nobody can tell."""
        held = self._held.get(trial)
        if held is None:
            return None
        descriptor, process = held
        status = _read_reaped(descriptor)
        if status is None:
            status = read_zombie_status(process)
        return None if status is None else ExitStatus.of(status)

    def release(self, trial: TrialId) -> None:
        """Let go of the process of `trial`."""
        held = self._held.pop(trial, None)
        if held is not None:
            os.close(held[0])

    def close(self) -> None:
        """Let go of all."""
        for trial in list(self._held):
            self.release(trial)


def _read_reaped(descriptor: int) -> int | None:
    """Return the wait status of a process that was waited for; None: not told."""
    info = bytearray(_INFO_BYTES)
    struct.pack_into("=Q", info, 0, _EXIT)
    try:
        fcntl.ioctl(descriptor, _PIDFD_GET_INFO, info)
    except OSError:
        return None
    (answered,) = struct.unpack_from("=Q", info, 0)
    if not answered & _EXIT:
        return None
    (status,) = struct.unpack_from("=i", info, _STATUS_AT)
    return int(status)
