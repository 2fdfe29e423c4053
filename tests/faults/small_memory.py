"""A control group with little memory, in either version; needs the right to make one."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_ROOT = Path("/sys/fs/cgroup")


@contextmanager
def small_memory(limit_bytes: int) -> Iterator[Path]:
    """Make a group whose processes may hold so much; skip the test by name if I can't.

    Yields the file into which a process writes its pid to be in the group.
    """
    group, limit = _find_place()
    try:
        group.mkdir()
        (group / limit).write_text(str(limit_bytes))
    except OSError as error:
        with contextlib.suppress(OSError):
            group.rmdir()
        pytest.skip(f"needs the right to limit memory by a control group ({error})")
    try:
        yield group / "cgroup.procs"
    finally:
        with contextlib.suppress(OSError):
            group.rmdir()


def _find_place() -> tuple[Path, str]:
    name = f"tuitrain-{secrets.token_hex(4)}"
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            own = _ROOT / "memory" / path.lstrip("/")
            return own / name, "memory.limit_in_bytes"
        if not controllers and (_ROOT / "cgroup.controllers").exists():
            # A group that holds processes can't lend a controller; its parent may.
            own = _ROOT / path.lstrip("/")
            place = own.parent if own != _ROOT else own
            return place / name, "memory.max"
    pytest.skip(f"no control group with memory here ({os.uname().release})")
