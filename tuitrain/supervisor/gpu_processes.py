"""Whose memory of a GPU it is: what the driver tells, and what this machine knows of it.

A driver counts processes as the host does. In a container the same number may be another
process, or none; a process then counts as the one meant only if it has a GPU open.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tuitrain.events import GpuProcess
from tuitrain.launch import read_status

PROC: Final = Path("/proc")
HOST_NAMESPACE: Final = "pid:[4026531836]"
"""Name of the host's process numbers; the kernel gives it this number on every boot."""
DEVICE_FILES: Final = ("/dev/nvidia", "/dev/dxg")
"""Beginnings of the names of what a process with a GPU has open."""
MOST_PARENTS: Final = 16

Ask = Callable[[Callable[[], Any]], Any]
"""Returns the answer to a question to the driver; None: it fails."""
FindParents = Callable[[int], list[int]]
"""Returns the processes above one, nearest first; []: not to be seen from here."""


def read_processes(
    nvml: Any,  # noqa: ANN401 - a module without types
    handle: object,
    ask: Ask,
    find_parents: FindParents,
) -> list[GpuProcess] | None:
    """Return the processes on one GPU, in the order of their pids; None: not told.

    A process that computes and draws is told twice, and returned once.
    """
    questions = (
        lambda: nvml.nvmlDeviceGetComputeRunningProcesses(handle),
        lambda: nvml.nvmlDeviceGetGraphicsRunningProcesses(handle),
    )
    answers = [ask(question) for question in questions]
    if all(answer is None for answer in answers):
        return None
    used: dict[int, int | None] = {}
    for answer in answers:
        for told in answer or ():
            memory, before = told.usedGpuMemory, used.get(told.pid)
            known = [int(value) for value in (memory, before) if value is not None]
            used[int(told.pid)] = max(known, default=None)
    return [
        GpuProcess(pid=pid, memory_used_bytes=used[pid], parents=find_parents(pid))
        for pid in sorted(used)
    ]


def find_parents(pid: int, proc: Path = PROC) -> list[int]:
    """Return the processes above `pid`, nearest first; []: not to be seen from here."""
    if not _is_host(proc) and not _has_gpu_open(pid, proc):
        return []
    parents: list[int] = []
    status = read_status(pid, proc)
    while status is not None and status.parent_pid > 0:
        if len(parents) == MOST_PARENTS:
            break
        parents.append(status.parent_pid)
        status = read_status(status.parent_pid, proc)
    return parents


def _is_host(proc: Path) -> bool:
    try:
        return str((proc / "self/ns/pid").readlink()) == HOST_NAMESPACE
    except OSError:
        return False


def _has_gpu_open(pid: int, proc: Path) -> bool:
    try:
        files = list((proc / str(pid) / "fd").iterdir())
    except OSError:
        # Another user's, or gone.
        return False
    return any(_target(file).startswith(DEVICE_FILES) for file in files)


def _target(file: Path) -> str:
    try:
        return str(file.readlink())
    except OSError:
        return ""
