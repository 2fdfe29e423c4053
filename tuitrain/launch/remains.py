"""What a trial left behind whose shim, which would have swept it up, is gone as well."""

import os
from pathlib import Path

from tuitrain.events import TrialStarted
from tuitrain.launch.identity import ProcessIdentity, read_boot_id, read_status
from tuitrain.store import TRIAL_VARIABLE


def find_remains(started: TrialStarted, folder: Path) -> list[ProcessIdentity]:
    """Return living processes of a trial that is over.

    Those of its session, whose number nobody else gets while one of them lives, and
    those in sessions of their own that still carry the trial's folder in their
    environment. Neither was there before the trial was, nor in another boot.
    """
    if started.boot_id != read_boot_id():
        return []
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        status = read_status(int(entry))
        if status is None or status.is_zombie:
            continue
        if status.start_ticks < started.start_ticks:
            continue
        if status.session == started.pid or _carries(int(entry), folder):
            identity = ProcessIdentity(int(entry), status.start_ticks, started.boot_id)
            found.append(identity)
    return found


def _carries(pid: int, folder: Path) -> bool:
    mark = f"{TRIAL_VARIABLE}={folder}".encode()
    try:
        environment = Path("/proc", str(pid), "environ").read_bytes()
    except OSError:
        # Another user's, or gone.
        return False
    return mark in environment.split(b"\0")
