"""Where the studies' sockets lie, and what was left there."""

import errno
import os
import shlex
import socket
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tuitrain.doctor.check import Check, broken, fine, warning
from tuitrain.doctor.filesystem import FileSystem, Kind, read_file_system
from tuitrain.doctor.machine import Machine
from tuitrain.store import StudyFolder
from tuitrain.wire import MAX_PATH_BYTES, WireError, find_socket_path

RUNTIME: Final = "runtime folder"
FOLDER: Final = "socket folder"
STALE: Final = "stale sockets"

_PRIVATE: Final = 0o700
_CONNECT_S: Final = 1.0
_MOST_NAMED: Final = 3


@dataclass(frozen=True, kw_only=True)
class RuntimeFacts:
    """The session's own folder, as `$XDG_RUNTIME_DIR` names it."""

    path: str | None = None
    """None: not set."""
    is_folder: bool = True
    is_link: bool = False
    is_ours: bool = True
    mode: int = _PRIVATE


@dataclass(frozen=True, kw_only=True)
class SocketFacts:
    """The place a study's socket would really get."""

    path: Path | None = None
    """None: there is no place."""
    refusal: str = ""
    """Why there is none."""
    file_system: FileSystem = field(default_factory=FileSystem)

    @property
    def length_bytes(self) -> int:
        """Length of the path as the kernel counts it."""
        return len(os.fsencode(self.path)) if self.path is not None else 0


def read_runtime(environ: Mapping[str, str], uid: int) -> RuntimeFacts:
    """Return what `$XDG_RUNTIME_DIR` is."""
    path = environ.get("XDG_RUNTIME_DIR")
    if not path:
        return RuntimeFacts()
    try:
        status = os.lstat(path)
    except OSError:
        return RuntimeFacts(path=path, is_folder=False)
    return RuntimeFacts(
        path=path,
        is_folder=stat.S_ISDIR(status.st_mode),
        is_link=stat.S_ISLNK(status.st_mode),
        is_ours=status.st_uid == uid,
        mode=stat.S_IMODE(status.st_mode),
    )


def judge_runtime(facts: RuntimeFacts) -> list[Check]:
    """Say whether the session's folder can be used, and if not, what is."""
    if facts.path is None:
        told = "XDG_RUNTIME_DIR is not set; a folder under the temporary one is used"
        return [fine(RUNTIME, told)]
    if facts.is_link:
        return [_passed_over(facts, "is a link", "unset XDG_RUNTIME_DIR")]
    if not facts.is_folder:
        mend = "loginctl enable-linger and a new login, or: unset XDG_RUNTIME_DIR"
        return [_passed_over(facts, "is not there", mend)]
    if not facts.is_ours:
        why = "belongs to another user (su or sudo keeps the variable)"
        return [_passed_over(facts, why, "unset XDG_RUNTIME_DIR")]
    if facts.mode & 0o077:
        mend = f"chmod 700 {shlex.quote(facts.path)}"
        return [_passed_over(facts, f"is open to others ({facts.mode:04o})", mend)]
    if facts.mode & _PRIVATE != _PRIVATE:
        mend = f"chmod 700 {shlex.quote(facts.path)}"
        return [_passed_over(facts, f"can't be used ({facts.mode:04o})", mend)]
    return [fine(RUNTIME, f"{facts.path}, yours alone")]


def read_socket(machine: Machine) -> SocketFacts:
    """Return where a study of this user gets its socket; makes that folder."""
    try:
        path = find_socket_path(StudyFolder(machine.studies / "study"))
    except WireError as error:
        return SocketFacts(refusal=str(error))
    return SocketFacts(path=path, file_system=read_file_system(machine, path.parent))


def judge_socket(facts: SocketFacts) -> list[Check]:
    """Say whether a socket can be bound there, and whether it works and stays."""
    if facts.path is None:
        mend = "export TMPDIR=DIR, a short path on a local disk, yours alone"
        return [broken(FOLDER, facts.refusal, mend)]
    folder, system = facts.path.parent, facts.file_system
    length = f"{facts.length_bytes} of {MAX_PATH_BYTES} bytes"
    if facts.length_bytes > MAX_PATH_BYTES:
        found = f"{folder}: too long for a socket ({length})"
        return [broken(FOLDER, found, "export TMPDIR=/tmp")]
    if system.kind is Kind.NETWORK:
        found = f"{folder} is on {system.name}: sockets and locks fail there"
        mend = "export XDG_RUNTIME_DIR=DIR, or TMPDIR=DIR, on a local disk"
        return [broken(FOLDER, found, mend)]
    return [fine(FOLDER, f"{folder} on {system.name or 'a local disk'}, path {length}")]


def read_stale_sockets(folder: Path) -> list[Path]:
    """Return the sockets in `folder` at which nobody listens."""
    return [path for path in sorted(folder.glob("*.sock")) if _is_stale(path)]


def judge_stale_sockets(stale: list[Path]) -> list[Check]:
    """Say what supervisors left that were killed."""
    if not stale:
        return [fine(STALE, "none")]
    what = "a supervisor that was" if len(stale) == 1 else "supervisors that were"
    found = (
        f"{len(stale)} left of {what} killed; the next supervisor of the study "
        "replaces its own"
    )
    named = [shlex.quote(str(path)) for path in stale[:_MOST_NAMED]]
    return [warning(STALE, found, f"rm {' '.join(named)}")]


def _passed_over(facts: RuntimeFacts, why: str, mend: str) -> Check:
    found = (
        f"XDG_RUNTIME_DIR={facts.path} {why}; a folder under the temporary one is used"
    )
    return warning(RUNTIME, found, mend)


def _is_stale(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as attempt:
        attempt.settimeout(_CONNECT_S)
        try:
            attempt.connect(str(path))
        except OSError as error:
            return error.errno == errno.ECONNREFUSED
    return False
