"""A daemon from its first breath to its last: lock, log, loop."""

import asyncio
import logging
import os
import sys
from pathlib import Path

from setproctitle import setproctitle

from tuitrain.events import LogVersionError
from tuitrain.store import StoreError, StudyFolder
from tuitrain.supervisor.daemon import Daemon
from tuitrain.supervisor.ensure import READY, TAKEN
from tuitrain.supervisor.failures import SupervisorError
from tuitrain.supervisor.lock import take_lock
from tuitrain.wire import WireError, find_socket_path

_UMASK = 0o077

_log = logging.getLogger(__name__)


def serve(path: Path, ready: int | None) -> int:
    """Supervise the study in `path` if nobody else does.

    Args:
        path: The study folder.
        ready: Descriptor on which one line says how the start went; None: nobody waits.

    Returns:
        Exit status: 0 also when another supervisor has the study.
    """
    umask = os.umask(_UMASK)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr
    )
    folder = StudyFolder(path)
    setproctitle(f"tuitrain supervisor {folder.name}")
    teller = Teller(ready)
    try:
        folder.create()
        socket = find_socket_path(folder)
        lock = take_lock(folder, socket)
        if lock is None:
            teller.tell(TAKEN)
            return 0
        daemon = Daemon(folder, socket, umask)
        asyncio.run(daemon.run(lambda: teller.tell(READY)))
        lock.close()
    except (
        OSError,
        StoreError,
        LogVersionError,
        SupervisorError,
        WireError,
    ) as error:
        _log.error("%s", error)
        teller.tell(str(error))
        return 1
    return 0


class Teller:
    """Says one line to whoever started this process, once."""

    def __init__(self, descriptor: int | None) -> None:
        """Speak on `descriptor`; None: nobody listens."""
        self._descriptor = descriptor

    def tell(self, word: str) -> None:
        """Say `word` and hang up."""
        if self._descriptor is None:
            return
        try:
            os.write(self._descriptor, word.encode() + b"\n")
        except OSError:
            _log.info("whoever started this supervisor is gone")
        os.close(self._descriptor)
        self._descriptor = None
