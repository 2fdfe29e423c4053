"""Which process is meant: a pid alone may be another's by now."""

import functools
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from tuitrain.events import TrialStarted

_EXIT_CODE: Final = 49
"""Its place among the fields after the name."""


@dataclass(frozen=True)
class ProcessIdentity:
    """One process of one boot; no other one will ever have the same."""

    pid: int
    start_ticks: int
    """Start time in clock ticks since boot."""
    boot_id: str

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """Return the identity of the process that has `pid` now; None: there is none.

        A zombie counts as none: it will do nothing more.

        Raises:
            OSError: It can't be told, for want of descriptors say.
        """
        status = read_status(pid)
        if status is None or status.is_zombie:
            return None
        return cls(pid, status.start_ticks, read_boot_id())

    @classmethod
    def of_shim(cls, started: TrialStarted) -> Self:
        """Return the identity of the shim that wrote `started`."""
        return cls(started.shim_pid, started.shim_start_ticks, started.boot_id)

    @classmethod
    def of_training(cls, started: TrialStarted) -> Self:
        """Return the identity of the training process of `started`."""
        return cls(started.pid, started.start_ticks, started.boot_id)

    def is_alive(self) -> bool:
        """Whether this very process still runs; what can't be told counts as yes."""
        try:
            return ProcessIdentity.of(self.pid) == self
        except OSError:
            # Taken for dead, a trial would be put on record as lost while it trains.
            return True

    def send(self, number: signal.Signals) -> bool:
        """Send a signal to this very process; False: it is gone.

        The descriptor is opened first and the identity checked after: whatever takes
        over the pid later, the descriptor goes on meaning the same process.

        Raises:
            OSError: It can't be done now, for want of descriptors say.
        """
        descriptor = self.open()
        if descriptor is None:
            return False
        try:
            signal.pidfd_send_signal(descriptor, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(descriptor)
        return True

    def open(self) -> int | None:
        """Return a descriptor that turns readable when the process ends; None: it did.

        Raises:
            OSError: It can't be done now, for want of descriptors say.
        """
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return None
        try:
            is_meant = ProcessIdentity.of(self.pid) == self
        except OSError:
            os.close(descriptor)
            raise
        if is_meant:
            return descriptor
        os.close(descriptor)
        return None


@dataclass(frozen=True)
class ProcessStatus:
    """What the kernel says of one process."""

    parent_pid: int
    session: int
    """Pid of the process that opened its session."""
    start_ticks: int
    is_zombie: bool


def read_status(pid: int, proc: Path = Path("/proc")) -> ProcessStatus | None:
    """Return the status of the process `pid`; None: there is none.

    Raises:
        OSError: It can't be told, for want of descriptors say.
    """
    fields = _read_fields(pid, proc)
    if fields is None:
        return None
    return ProcessStatus(
        parent_pid=int(fields[1]),
        session=int(fields[3]),
        start_ticks=int(fields[19]),
        is_zombie=fields[0] in (b"Z", b"X"),
    )


def read_zombie_status(process: ProcessIdentity) -> int | None:
    """Return the wait status of a process nobody has waited for yet; None: not told."""
    fields = _read_fields(process.pid)
    if fields is None or fields[0] != b"Z" or len(fields) <= _EXIT_CODE:
        return None
    return int(fields[_EXIT_CODE]) if int(fields[19]) == process.start_ticks else None


def _read_fields(pid: int, proc: Path = Path("/proc")) -> list[bytes] | None:
    """Return what the kernel writes of a process after its name; None: there is none."""
    try:
        raw = (proc / str(pid) / "stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    # The name in parentheses may itself hold blanks and parentheses.
    return raw[raw.rfind(b")") + 2 :].split()


@functools.cache
def read_boot_id() -> str:
    """Return the name of this boot of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def find_descendants(pid: int) -> list[ProcessIdentity]:
    """Return every living process below `pid`, children before their children."""
    children: dict[int, list[tuple[int, ProcessStatus]]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (status := read_status(int(entry))) is not None:
            children.setdefault(status.parent_pid, []).append((int(entry), status))
    found: list[ProcessIdentity] = []
    pending = [pid]
    while pending:
        for child, status in children.get(pending.pop(0), []):
            pending.append(child)
            if not status.is_zombie:
                found.append(ProcessIdentity(child, status.start_ticks, read_boot_id()))
    return found
