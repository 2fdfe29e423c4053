"""Where a study's socket lies: a private folder on a local file system."""

import hashlib
import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tuitrain.wire.failures import WireError

if TYPE_CHECKING:
    from tuitrain.store import StudyFolder

MAX_PATH_BYTES: Final = 107
"""What the kernel takes for the path of a Unix socket, its closing zero left out."""

_NAME_DIGITS: Final = 20
_PRIVATE_FOLDER: Final = 0o700


def find_socket_path(study_folder: "StudyFolder") -> Path:
    """Return where the socket of a study is bound; its folder exists and is private.

    The name comes from the study's real path, so that two studies never share one and
    every process finds the same.

    Raises:
        WireError: There is no folder that only its owner can use.
    """
    real = os.fsencode(study_folder.path.resolve())
    name = f"{hashlib.sha256(real).hexdigest()[:_NAME_DIGITS]}.sock"
    refusals = []
    for folder in _candidates():
        if len(os.fsencode(folder / name)) > MAX_PATH_BYTES:
            refusals.append(f"{folder}: too long for a socket")
            continue
        try:
            make_private_folder(folder)
        except WireError as error:
            refusals.append(str(error))
            continue
        return folder / name
    raise WireError("no place for the study's socket: " + "; ".join(refusals))


def make_private_folder(folder: Path) -> None:
    """Make `folder`, or check that it is a real folder, ours, and closed to others.

    In a folder that everybody may write to, somebody else could have put one of this
    name there, or a link; so nothing that is there already is taken on trust.

    Raises:
        WireError: It can't be made, or it is not ours alone.
    """
    try:
        folder.mkdir(mode=_PRIVATE_FOLDER)
    except FileExistsError:
        pass
    except OSError as error:
        raise WireError(f"{folder}: can't be made ({error.strerror})") from None
    try:
        descriptor = os.open(
            folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        )
    except OSError as error:
        raise WireError(f"{folder}: is no folder of ours ({error.strerror})") from None
    try:
        status = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    _check_private(folder, status)


def _check_private(folder: Path, status: os.stat_result) -> None:
    if status.st_uid != os.getuid():
        raise WireError(f"{folder}: belongs to another user; remove it")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise WireError(
            f"{folder}: is open to other users; make it private: chmod 700 {folder}"
        )


def _candidates() -> list[Path]:
    """Folders to try, best first: the session's own, then one per user in a shared one."""
    own = f"tuitrain-{os.getuid()}"
    candidates = [Path(tempfile.gettempdir()) / own]
    # A very long $TMPDIR leaves no room for a socket's name.
    candidates += [Path(shared) / own for shared in ("/tmp", "/var/tmp")]  # noqa: S108 - checked by make_private_folder
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and _is_private(Path(runtime)):
        candidates.insert(0, Path(runtime) / "tuitrain")
    return list(dict.fromkeys(candidates))


def _is_private(folder: Path) -> bool:
    try:
        status = os.lstat(folder)
        _check_private(folder, status)
    except (OSError, WireError):
        return False
    return stat.S_ISDIR(status.st_mode)
