"""What a trial left behind: processes whose shim is gone as well, and half-written files."""

import contextlib
import os
from pathlib import Path

from tuitrain.events import TrialStarted
from tuitrain.launch.identity import ProcessIdentity, read_boot_id, read_status
from tuitrain.store import TRIAL_VARIABLE, TrialFolder


def find_remains(started: TrialStarted, folder: Path) -> list[ProcessIdentity]:
    """Return living processes of a trial that is over.

    Those of its session, whose number nobody else gets while one of them lives, and
    those in sessions of their own that still carry the trial's folder in their
    environment. Neither was there before the trial was, nor in another boot.
    """
    if started.boot_id != read_boot_id():
        return []
    leader = read_status(started.pid)
    # The number of a session that nothing was left of may be another's by now.
    is_recycled = leader is not None and leader.start_ticks != started.start_ticks
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        status = read_status(int(entry))
        if status is None or status.is_zombie:
            continue
        if status.start_ticks < started.start_ticks:
            continue
        is_of_session = status.session == started.pid and not is_recycled
        if is_of_session or _carries(int(entry), folder):
            identity = ProcessIdentity(int(entry), status.start_ticks, started.boot_id)
            found.append(identity)
    return found


def remove_drafts(folder: TrialFolder) -> None:
    """Remove the checkpoint that was being written when its process was killed.

    It may hold gigabytes, and nobody would ever read it. Only for a trial that is over.
    """
    for checkpoint in (folder.checkpoint, folder.best_checkpoint):
        for draft in folder.path.glob(f".{checkpoint.name}.*"):
            with contextlib.suppress(OSError):
                draft.unlink()


def _carries(pid: int, folder: Path) -> bool:
    mark = f"{TRIAL_VARIABLE}={folder}".encode()
    try:
        environment = Path("/proc", str(pid), "environ").read_bytes()
    except OSError:
        # Another user's, or gone.
        return False
    return mark in environment.split(b"\0")
