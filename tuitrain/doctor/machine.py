"""The machine that is looked at; a test gives a tree of its own as its root."""

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where facts are read, and for whom."""

    root: Path = Path("/")
    """What stands for `/` where files of the system are read."""
    environ: Mapping[str, str] = field(default_factory=dict)
    uid: int = 0
    user: str = "root"
    studies: Path = Path("runs")
    """Where studies lie unless somebody says otherwise."""

    @classmethod
    def here(cls, studies: Path) -> Self:
        """Return this machine, as this process sees it."""
        uid = os.getuid()
        try:
            user = pwd.getpwuid(uid).pw_name
        except KeyError:  # a container may run under a number without a name
            user = str(uid)
        return cls(environ=os.environ, uid=uid, user=user, studies=studies)

    def path(self, absolute: str) -> Path:
        """Return where `absolute` lies below the root."""
        return self.root / absolute.lstrip("/")

    def read(self, absolute: str) -> str | None:
        """Return what a small file holds; None: it is not there, or not ours to read."""
        try:
            return self.path(absolute).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None

    def read_fields(self, absolute: str) -> dict[str, str]:
        """Return the lines of a file of the kernel, first word by the rest."""
        lines = (self.read(absolute) or "").splitlines()
        pairs = (line.split(None, 1) for line in lines if len(line.split(None, 1)) == 2)
        return {key.rstrip(":"): value.strip() for key, value in pairs}


def find_existing(path: Path) -> Path:
    """Return `path`, or the nearest folder above it that is there."""
    path = path.absolute()
    return next((p for p in (path, *path.parents) if p.exists()), Path("/"))
