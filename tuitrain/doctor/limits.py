"""How many files and processes this user may have."""

import resource
from dataclasses import dataclass
from typing import Final

from tuitrain.doctor.cgroup import read_cgroup
from tuitrain.doctor.check import Check, broken, fine, warning
from tuitrain.doctor.machine import Machine

FILES: Final = "open files"
PROCESSES: Final = "processes"

FEW_FILES: Final = 1024
"""The usual limit; a supervisor serves 128 connections, and a DataLoader worker that
shares memory by descriptor holds one for each tensor in flight."""
FEW_PROCESSES: Final = 512
"""Ours: threads count, and a training with its workers easily has a hundred."""
NO_PROCESSES: Final = 32


@dataclass(frozen=True, kw_only=True)
class LimitFacts:
    """Limits of this process; None: there is no limit."""

    files: int | None = None
    files_at_most: int | None = None
    """What this user may raise the limit to."""
    processes: int | None = None
    threads: int = 0
    """Threads of this user that run now."""
    group_processes: int | None = None
    """Limit of the control group."""
    group_threads: int = 0
    is_root: bool = False

    @property
    def processes_left(self) -> int | None:
        """Processes and threads that may still be started; None: any number."""
        left = []
        if self.processes is not None and not self.is_root:  # root is not held to it
            left.append(self.processes - self.threads)
        if self.group_processes is not None:
            left.append(self.group_processes - self.group_threads)
        return max(0, min(left)) if left else None


def read_limits(machine: Machine) -> LimitFacts:
    """Return the limits of this process and how far they are used up."""
    files, files_at_most = resource.getrlimit(resource.RLIMIT_NOFILE)
    processes, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    group = read_cgroup(machine)
    return LimitFacts(
        files=_limit(files),
        files_at_most=_limit(files_at_most),
        processes=_limit(processes),
        threads=count_threads(machine),
        group_processes=group.limit_processes,
        group_threads=group.processes or 0,
        is_root=machine.uid == 0,
    )


def count_threads(machine: Machine) -> int:
    """Return how many threads of this user run."""
    count = 0
    for entry in machine.path("/proc").glob("[0-9]*"):
        status = machine.read_fields(f"/proc/{entry.name}/status")
        if status.get("Uid", "").split()[:1] == [str(machine.uid)]:
            threads = status.get("Threads", "")
            count += int(threads) if threads.isdecimal() else 1
    return count


def judge_limits(facts: LimitFacts) -> list[Check]:
    """Say which limit will be met."""
    return [_judge_files(facts), _judge_processes(facts)]


def _judge_files(facts: LimitFacts) -> Check:
    if facts.files is None:
        return fine(FILES, "no limit")
    if facts.files >= FEW_FILES:
        return fine(FILES, f"{facts.files:,}")
    found = f"only {facts.files:,}: DataLoader workers may fail (Too many open files)"
    at_most = facts.files_at_most
    if at_most is None or at_most >= FEW_FILES:
        return warning(FILES, found, f"ulimit -n {min(at_most or 65536, 65536)}")
    mend = "an admin raises nofile in /etc/security/limits.conf"
    return warning(FILES, found, mend)


def _judge_processes(facts: LimitFacts) -> Check:
    left = facts.processes_left
    if left is None:
        return fine(PROCESSES, "no limit")
    if left >= FEW_PROCESSES:
        return fine(PROCESSES, f"{left:,} more, threads included")
    mend = (
        "end what is not needed, or an admin raises nproc in "
        "/etc/security/limits.conf (in a container: --pids-limit)"
    )
    found = f"only {left:,} more, threads included"
    if left < NO_PROCESSES:
        return broken(PROCESSES, f"{found}: no trial can start", mend)
    return warning(PROCESSES, found, mend)


def _limit(value: int) -> int | None:
    return None if value == resource.RLIM_INFINITY else value
