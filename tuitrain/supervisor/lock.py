"""One supervisor per study: whoever holds the lock is it."""

import errno
import fcntl
import os
from pathlib import Path

from tuitrain.store import StudyFolder
from tuitrain.supervisor.whereabouts import read_whereabouts


class StudyLock:
    """Held as long as this object is open; the kernel lets go when its process dies.

    The lock beside the socket lies on a local file system, where locks work. The one
    on the study folder helps when two logins look for the socket in different places;
    a network file system may not have it. What is left is the word of the other one.
    """

    def __init__(self, descriptors: list[int]) -> None:
        """Keep the descriptors that hold the lock."""
        self._descriptors = descriptors

    def close(self) -> None:
        """Let go."""
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors = []


def take_lock(folder: StudyFolder, socket: Path) -> StudyLock | None:
    """Take the lock of a study; None: another supervisor has it.

    Raises:
        OSError: There can be no lock file beside the socket.
    """
    beside = os.open(
        socket.with_suffix(".lock"),
        os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC,
        0o600,
    )
    on_study = os.open(folder.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    lock = StudyLock([beside, on_study])
    is_free = _try(beside) and _try(on_study)
    last = read_whereabouts(folder)
    is_other_alive = (
        last is not None
        and last.pid != os.getpid()
        and last.is_of(folder)
        and last.identity.is_alive()
    )
    if is_free and not is_other_alive:
        return lock
    lock.close()
    return None


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in (errno.EBADF, errno.ENOLCK, errno.EOPNOTSUPP):
            raise
    return True
