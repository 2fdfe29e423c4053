"""Who supervises a study, and where: `supervisor.json`."""

import os
from pathlib import Path
from typing import Self

import msgspec

from tuitrain.launch import ProcessIdentity, read_boot_id
from tuitrain.store import StudyFolder, write_atomically


class Whereabouts(msgspec.Struct, frozen=True, kw_only=True):
    """What a supervisor leaves in the study folder for those who look for it."""

    pid: int
    start_ticks: int
    boot_id: str
    socket: str
    cwd: str
    """Folder it runs in, and its trials with it: scripts may name files relative to it."""

    @classmethod
    def of_this_process(cls, socket: Path) -> Self:
        """Return the whereabouts of this process, listening at `socket`."""
        own = ProcessIdentity.of(os.getpid())
        return cls(
            pid=os.getpid(),
            start_ticks=own.start_ticks if own is not None else 0,
            boot_id=read_boot_id(),
            socket=str(socket),
            cwd=str(Path.cwd()),
        )

    @property
    def identity(self) -> ProcessIdentity:
        """The supervisor's process."""
        return ProcessIdentity(self.pid, self.start_ticks, self.boot_id)


def read_whereabouts(folder: StudyFolder) -> Whereabouts | None:
    """Return what the last supervisor wrote; None: nothing that can be read."""
    try:
        return msgspec.json.decode(folder.supervisor.read_bytes(), type=Whereabouts)
    except (OSError, msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def write_whereabouts(folder: StudyFolder, whereabouts: Whereabouts) -> None:
    """Leave `whereabouts` in the study folder.

    Raises:
        StoreError: It can't be written.
    """
    write_atomically(folder.supervisor, msgspec.json.encode(whereabouts) + b"\n")
