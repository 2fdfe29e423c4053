"""What the control groups above this process allow: memory, cores, processes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tuitrain.doctor.machine import Machine

_UNLIMITED_BYTES: Final = 1 << 60
"""Version 1 writes a number near 2^63 where there is no limit."""
_HYBRID: Final = "/sys/fs/cgroup/unified"
_ROOT: Final = "/sys/fs/cgroup"


@dataclass(frozen=True, kw_only=True)
class CgroupFacts:
    """The tightest limits on the way up; None: there is none."""

    limit_bytes: int | None = None
    used_bytes: int | None = None
    """In the group with that limit, without what the kernel can drop."""
    cores: float | None = None
    """CPU seconds a second."""
    limit_processes: int | None = None
    processes: int | None = None
    """In the group with that limit; threads count."""


def read_cgroup(machine: Machine) -> CgroupFacts:
    """Return the limits of both versions of control groups."""
    places = _parse(machine.read("/proc/self/cgroup") or "")
    memory: list[tuple[int, int | None]] = []
    cores: list[float] = []
    processes: list[tuple[int, int | None]] = []
    for folder in _folders(machine, places, "memory"):
        memory += _read_memory(machine, folder)
    for folder in _folders(machine, places, "cpu"):
        cores += _read_cores(machine, folder)
    for folder in _folders(machine, places, "pids"):
        limit = _number(machine, folder, "pids.max")
        if limit is not None:
            processes.append((limit, _number(machine, folder, "pids.current")))
    limit_bytes, used_bytes = min(memory, key=_left, default=(None, None))
    limit_processes, running = min(processes, key=_left, default=(None, None))
    return CgroupFacts(
        limit_bytes=limit_bytes,
        used_bytes=used_bytes,
        cores=min(cores, default=None),
        limit_processes=limit_processes,
        processes=running,
    )


def _parse(text: str) -> dict[str, str]:
    """Return the path of this process by controller; `""` is version 2."""
    places: dict[str, str] = {}
    for line in text.splitlines():
        fields = line.split(":", 2)
        if len(fields) == 3:
            places |= dict.fromkeys(fields[1].split(","), fields[2])
    return places


def _folders(
    machine: Machine, places: dict[str, str], controller: str
) -> Iterator[str]:
    """Yield the groups above this process, its own first, in each version's tree."""
    trees = [(f"{_ROOT}/{controller}", places.get(controller))]
    trees += [(_ROOT, places.get("")), (_HYBRID, places.get(""))]
    for tree, place in trees:
        if place is None or not machine.path(tree).is_dir():
            continue
        # In a container the path may be the host's, and only its top be mounted here.
        path = Path(tree + place)
        while path.is_relative_to(tree):
            yield str(path)
            path = path.parent


def _read_memory(machine: Machine, folder: str) -> Iterator[tuple[int, int | None]]:
    stat = machine.read_fields(f"{folder}/memory.stat")
    names = (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    )
    for limit_name, used_name, droppable_name in names:
        limit = _number(machine, folder, limit_name)
        if limit is None or limit > _UNLIMITED_BYTES:
            continue
        used = _number(machine, folder, used_name)
        droppable = stat.get(droppable_name, "0")
        if used is not None and droppable.isdecimal():
            used = max(0, used - int(droppable))
        yield limit, used


def _read_cores(machine: Machine, folder: str) -> Iterator[float]:
    words = (machine.read(f"{folder}/cpu.max") or "").split()
    quota_us = _number(machine, folder, "cpu.cfs_quota_us")
    period_us = _number(machine, folder, "cpu.cfs_period_us")
    if len(words) == 2 and words[0].isdecimal() and words[1].isdecimal():
        quota_us, period_us = int(words[0]), int(words[1])
    if quota_us and period_us:
        yield quota_us / period_us


def _number(machine: Machine, folder: str, name: str) -> int | None:
    """Return what a file says; None: it is not there, or says that there is no limit."""
    word = (machine.read(f"{folder}/{name}") or "").strip()
    return int(word) if word.isdecimal() else None


def _left(limited: tuple[int, int | None]) -> int:
    limit, used = limited
    return limit - (used or 0)
