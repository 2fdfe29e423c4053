"""Who supervises a study, and where: `supervisor.json`."""

import math
import os
from pathlib import Path
from typing import Self

import msgspec

from tuitrain.clock import SYSTEM_CLOCK, Clock
from tuitrain.launch import ProcessIdentity, read_boot_id
from tuitrain.store import StudyFolder, write_atomically
from tuitrain.units import Seconds


class Whereabouts(msgspec.Struct, frozen=True, kw_only=True):
    """What a supervisor leaves in the study folder for those who look for it."""

    pid: int
    start_ticks: int
    boot_id: str
    socket: str
    cwd: str
    """Folder it runs in, and its trials with it: scripts may name files relative to it."""
    inode: int | None = None
    """Of the study folder: a copy of the folder has another one, and is not supervised.
    None: an older version wrote it."""
    booted_at_s: Seconds | None = None
    """What the logs of the study take for the beginning of this boot; None: unknown."""

    @classmethod
    def of_this_process(
        cls, folder: StudyFolder, socket: Path, booted_at_s: Seconds | None = None
    ) -> Self:
        """Return the whereabouts of this process, listening at `socket` for `folder`."""
        own = ProcessIdentity.of(os.getpid())
        return cls(
            pid=os.getpid(),
            start_ticks=own.start_ticks if own is not None else 0,
            boot_id=read_boot_id(),
            socket=str(socket),
            cwd=str(Path.cwd()),
            inode=_read_inode(folder),
            booted_at_s=booted_at_s,
        )

    @property
    def identity(self) -> ProcessIdentity:
        """The supervisor's process."""
        return ProcessIdentity(self.pid, self.start_ticks, self.boot_id)

    def is_of(self, folder: StudyFolder) -> bool:
        """Whether it was left in this very folder, which may have been moved since."""
        return self.inode is None or self.inode == _read_inode(folder)


def read_whereabouts(folder: StudyFolder) -> Whereabouts | None:
    """Return what the last supervisor wrote; None: nothing that can be read."""
    try:
        return msgspec.json.decode(folder.supervisor.read_bytes(), type=Whereabouts)
    except (OSError, msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def is_copy(folder: StudyFolder) -> bool:
    """Whether the folder was copied from one that was supervised.

    The processes that its logs tell of are then those of the other study.
    """
    last = read_whereabouts(folder)
    return last is not None and not last.is_of(folder)


def _read_inode(folder: StudyFolder) -> int | None:
    try:
        return folder.path.stat().st_ino
    except OSError:
        return None


def find_booted_at(folder: StudyFolder, clock: Clock = SYSTEM_CLOCK) -> Seconds:
    """Return when this boot began, by the wall clock as the study first found it.

    Supervisors hand it on to each other, so that the study's logs stay on one time when
    the wall clock is set; after a restart of the machine it is read anew.
    """
    last = read_whereabouts(folder)
    if last is not None and last.boot_id == read_boot_id():
        found = last.booted_at_s
        if found is not None and math.isfinite(found):
            return found
    return Seconds(clock.wall_s() - clock.mono_s())


def write_whereabouts(folder: StudyFolder, whereabouts: Whereabouts) -> None:
    """Leave `whereabouts` in the study folder.

    Raises:
        StoreError: It can't be written.
    """
    write_atomically(folder.supervisor, msgspec.json.encode(whereabouts) + b"\n")
