"""Whether the kernel ended processes for want of memory, by its own counters.

A process that was killed can't tell why. SIGKILL alone proves nothing: only a counter
that went up just then makes want of memory likely.
"""

from pathlib import Path
from typing import Final

LOOK_EVERY_S: Final = 5.0
"""Between two looks, so that a kill is set against what happened just then, and not
against the memory another trial ran out of an hour ago."""

_MACHINE: Final = Path("proc/vmstat")
_OWN: Final = Path("proc/self/cgroup")
_COUNTERS: Final = {
    # Controller, as /proc/self/cgroup names it: where it is mounted, and its counter.
    "memory": (("sys/fs/cgroup/memory",), "memory.oom_control"),
    "": (("sys/fs/cgroup", "sys/fs/cgroup/unified"), "memory.events"),
}


class OomCounter:
    """Counts kills for want of memory in this control group, else on this machine.

    The group's own counter is the better evidence: what happens to others on a shared
    machine does not touch it.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        """Begin to count; `root` is where `proc` and `sys` lie."""
        self._file = _find_group_counter(root) or root / _MACHINE
        self._now = self._before = self._read()

    def look(self) -> None:
        """Look at the counter; to be called every `LOOK_EVERY_S`."""
        self._before, self._now = self._now, self._read()

    def count_recent(self) -> int:
        """Return the kills since the look before the last one."""
        before = self._before
        self.look()
        if before is None or self._now is None:
            return 0
        return max(0, self._now - before)

    def _read(self) -> int | None:
        return _read_counter(self._file)


def _find_group_counter(root: Path) -> Path | None:
    """Return the file that counts for the control group of this process; None: none."""
    try:
        groups = (root / _OWN).read_text().splitlines()
    except OSError:
        return None
    for line in groups:
        _, names, path = line.split(":", 2)
        for name in names.split(","):
            mounts, counter = _COUNTERS.get(name, ((), ""))
            for mount in mounts:
                file = root / mount / path.lstrip("/") / counter
                if _read_counter(file) is not None:
                    return file
    return None


def _read_counter(file: Path) -> int | None:
    try:
        for line in file.read_text().splitlines():
            name, _, value = line.partition(" ")
            if name == "oom_kill":
                return int(value)
    except (OSError, ValueError):
        return None
    return None
