"""Cores and memory: what there is, what is granted, and what happens when it runs out."""

import os
from dataclasses import dataclass
from typing import Final

from tuitrain.doctor.cgroup import read_cgroup
from tuitrain.doctor.check import Check, broken, fine, unknown, warning
from tuitrain.doctor.machine import Machine
from tuitrain.units import format_bytes

CORES: Final = "cores"
MEMORY: Final = "memory"
SWAP: Final = "swap"
OOM: Final = "out of memory"
SHARED: Final = "shared memory"

SCARCE_BYTES: Final = 2 << 30
"""Ours: one training with torch takes half a gigabyte before its first batch."""
FULL_BYTES: Final = 256 << 20
SCARCE_SHARED_BYTES: Final = 1 << 30
"""Ours: a few workers with batches of images; containers often have 64 MiB."""
FULL_SHARED_BYTES: Final = 16 << 20
NEARLY_FULL_RATIO: Final = 0.1

_SHM: Final = "/dev/shm"  # noqa: S108 - looked at only
_KIB: Final = 1024
_NEVER_OVERCOMMIT: Final = 2


@dataclass(frozen=True, kw_only=True)
class MemoryFacts:
    """What this machine has, and what this process may have of it."""

    cores: int = 1
    """That this process may run on; tuitrain goes by it."""
    all_cores: int = 1
    granted_cores: float | None = None
    """By a control group; None: all."""
    total_bytes: int | None = None
    available_bytes: int | None = None
    limit_bytes: int | None = None
    """Of a control group; None: there is none."""
    limited_used_bytes: int | None = None
    swap_bytes: int | None = None
    swap_free_bytes: int | None = None
    oom_kills: int | None = None
    """Processes killed for memory since boot; None: this kernel does not count them."""
    overcommit: int | None = None
    """`vm.overcommit_memory`; None: it can't be read."""
    panics: bool = False
    """`vm.panic_on_oom`: the machine goes down instead of one process."""


@dataclass(frozen=True, kw_only=True)
class SharedFacts:
    """`/dev/shm`, through which DataLoader workers hand over batches."""

    is_there: bool = True
    can_write: bool = True
    total_bytes: int = 0
    free_bytes: int = 0


def read_memory(machine: Machine) -> MemoryFacts:
    """Return cores and memory."""
    info = machine.read_fields("/proc/meminfo")
    group = read_cgroup(machine)
    oom_kills = machine.read_fields("/proc/vmstat").get("oom_kill", "")
    return MemoryFacts(
        cores=len(os.sched_getaffinity(0)),
        all_cores=os.cpu_count() or 1,
        granted_cores=group.cores,
        total_bytes=_kib(info.get("MemTotal")),
        available_bytes=_kib(info.get("MemAvailable")),
        limit_bytes=group.limit_bytes,
        limited_used_bytes=group.used_bytes,
        swap_bytes=_kib(info.get("SwapTotal")),
        swap_free_bytes=_kib(info.get("SwapFree")),
        oom_kills=int(oom_kills) if oom_kills.isdecimal() else None,
        overcommit=_number(machine, "overcommit_memory"),
        panics=bool(_number(machine, "panic_on_oom")),
    )


def judge_memory(facts: MemoryFacts) -> list[Check]:
    """Say what trials will have, and what happens to one that takes too much."""
    return [
        _judge_cores(facts),
        _judge_available(facts),
        _judge_swap(facts),
        _judge_oom(facts),
    ]


def read_shared(machine: Machine) -> SharedFacts:
    """Return how much shared memory there is."""
    path = machine.path(_SHM)
    if not path.is_dir():
        return SharedFacts(is_there=False)
    status = os.statvfs(path)
    return SharedFacts(
        can_write=os.access(path, os.W_OK | os.X_OK),
        total_bytes=status.f_blocks * status.f_frsize,
        free_bytes=status.f_bavail * status.f_frsize,
    )


def judge_shared(facts: SharedFacts) -> list[Check]:
    """Say whether DataLoader workers have room to hand over batches."""
    if not facts.is_there or not facts.can_write:
        what = "is not there" if not facts.is_there else "can't be written"
        found = f"{_SHM} {what}: DataLoader workers can't hand over batches"
        mend = "num_workers=0 in the script, or mount a tmpfs at /dev/shm"
        return [broken(SHARED, found, mend)]
    free, total = format_bytes(facts.free_bytes), format_bytes(facts.total_bytes)
    found = f"{free} of {total} free in {_SHM}"
    mend = (
        "num_workers=0 in the script; in a container: docker run --shm-size=8g; else "
        "an admin: mount -o remount,size=8G /dev/shm"
    )
    if facts.total_bytes > 0 and facts.free_bytes < FULL_SHARED_BYTES:
        return [broken(SHARED, f"only {found}: DataLoader workers crash", mend)]
    if facts.free_bytes < SCARCE_SHARED_BYTES:
        return [warning(SHARED, f"only {found}: DataLoader workers may crash", mend)]
    return [fine(SHARED, found)]


def _judge_cores(facts: MemoryFacts) -> Check:
    of_all = f" of {facts.all_cores}" if facts.cores < facts.all_cores else ""
    found = f"{facts.cores}{of_all}; without a GPU {max(1, facts.cores // 2)} at once"
    granted = facts.granted_cores
    if granted is None or granted >= facts.cores:
        return fine(CORES, found)
    slots = max(1, int(granted) // 2)
    return warning(
        CORES,
        f"{facts.cores}{of_all}, but a control group grants the time of {granted:g}; "
        "tuitrain counts the cores, and its trials are slowed down",
        f"tuitrain run SCRIPT --slots {slots}",
    )


def _judge_available(facts: MemoryFacts) -> Check:
    if facts.available_bytes is None or facts.total_bytes is None:
        return unknown(MEMORY, "/proc/meminfo does not tell")
    available, total, limited = facts.available_bytes, facts.total_bytes, ""
    if facts.limit_bytes is not None and facts.limit_bytes < total:
        total, limited = facts.limit_bytes, " that a control group grants"
        left = facts.limit_bytes - (facts.limited_used_bytes or 0)
        available = max(0, min(available, left))
    found = f"{format_bytes(available)} of {format_bytes(total)}{limited} available"
    mend = "end what is not needed: ps aux --sort=-rss | head"
    if available < FULL_BYTES:
        return broken(MEMORY, f"only {found}: trials will be killed", mend)
    if available < SCARCE_BYTES:
        return warning(MEMORY, f"only {found}", mend)
    return fine(MEMORY, found)


def _judge_swap(facts: MemoryFacts) -> Check:
    if facts.swap_bytes is None or facts.swap_free_bytes is None:
        return unknown(SWAP, "/proc/meminfo does not tell")
    if facts.swap_bytes == 0:
        return fine(SWAP, "none: a trial that is too large is killed, not slow")
    free, total = facts.swap_free_bytes, facts.swap_bytes
    found = f"{format_bytes(free)} of {format_bytes(total)} free"
    if free < NEARLY_FULL_RATIO * total:
        mend = "end what is not needed: ps aux --sort=-rss | head"
        return warning(SWAP, f"only {found}: the machine is or was too full", mend)
    return fine(SWAP, found)


def _judge_oom(facts: MemoryFacts) -> Check:
    if facts.panics:
        found = "vm.panic_on_oom is set: the machine goes down instead of one process"
        return warning(OOM, found, "an admin: sysctl vm.panic_on_oom=0")
    if facts.overcommit == _NEVER_OVERCOMMIT:
        found = (
            "vm.overcommit_memory=2: CUDA's address space and forks of a large "
            "process may be refused"
        )
        return warning(OOM, found, "an admin: sysctl vm.overcommit_memory=0")
    if facts.oom_kills is None:
        found = (
            "this kernel does not count kills for memory (before 4.13): such a trial "
            "is only known as killed by signal 9"
        )
        return warning(OOM, found, "a newer kernel")
    since = f"{facts.oom_kills:,} processes killed for memory since boot"
    return fine(
        OOM, since if facts.oom_kills else "no process killed for it since boot"
    )


def _kib(field: str | None) -> int | None:
    word = (field or "").split(" ")[0]
    return int(word) * _KIB if word.isdecimal() else None


def _number(machine: Machine, name: str) -> int | None:
    word = (machine.read(f"/proc/sys/vm/{name}") or "").strip()
    return int(word) if word.isdecimal() else None
