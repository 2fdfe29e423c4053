"""Finding a study's supervisor, or starting one that outlives whoever asked."""

import contextlib
import os
import select
import socket
import subprocess
import time
from pathlib import Path
from typing import Final

from tuitrain.clock import SYSTEM_CLOCK
from tuitrain.launch import module_command, module_environment
from tuitrain.store import StudyFolder
from tuitrain.supervisor.failures import SupervisorError
from tuitrain.supervisor.scope import find_scope_command
from tuitrain.supervisor.whereabouts import read_whereabouts

READY: Final = "ready"
"""What a daemon says once it listens."""
TAKEN: Final = "taken"
"""What it says when another one supervises the study."""

_START_S: Final = 30.0
_LISTEN_S: Final = 10.0
_POLL_S: Final = 0.02
_AGAIN_S: Final = 0.2


def find_running(folder: StudyFolder) -> Path | None:
    """Return the socket of the study's living supervisor; None: it has none."""
    last = read_whereabouts(folder)
    if last is None or not last.is_of(folder) or not last.identity.is_alive():
        return None
    return Path(last.socket)


def ensure_running(folder: StudyFolder, *, cwd: Path | None = None) -> Path:
    """Return the socket of a living supervisor, starting one if there is none.

    The daemon belongs to nobody: it has no terminal, no pipe to the caller, and goes
    on when the caller's session ends.

    Args:
        folder: The study; its `study.toml` is written.
        cwd: Folder that a new supervisor and its trials run in; None: the one of the
            supervisor before it, or else the caller's.

    Raises:
        SupervisorError: It can't be started; in one line why.
    """
    deadline = SYSTEM_CLOCK.mono_s() + _START_S
    while True:
        running = find_running(folder)
        if running is None:
            _start(folder, cwd or _last_cwd(folder), deadline)
            running = find_running(folder)
        if running is not None and _is_listening(running):
            return running
        if SYSTEM_CLOCK.mono_s() > deadline - _POLL_S:
            raise SupervisorError(
                f"{folder.path}: its supervisor does not answer; "
                f"see {folder.supervisor_log}"
            )
        time.sleep(_AGAIN_S)


def _start(folder: StudyFolder, cwd: Path, deadline: float) -> None:
    """Start a daemon and wait for its word; of several at once, one stays.

    Where systemd-logind ends what a session leaves behind, it gets a scope of its own;
    if that can't be had, it starts without one.
    """
    scope = find_scope_command(folder.name)
    word = _try_to_start(folder, cwd, deadline, scope) if scope else ""
    if not word:
        word = _try_to_start(folder, cwd, deadline, [])
    if word not in (READY, TAKEN):
        raise SupervisorError(word or _explain_silence(folder))


def _try_to_start(
    folder: StudyFolder, cwd: Path, deadline: float, prefix: list[str]
) -> str:
    """Start a daemon by a command and return its word; empty: it said none."""
    ready, tell = os.pipe()
    try:
        with os.fdopen(_open_log(folder), "ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter
                [
                    *prefix,
                    *module_command(
                        "tuitrain.supervisor",
                        str(folder.path.resolve()),
                        "--ready",
                        str(tell),
                    ),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=cwd,
                # Threads of a BLAS would only wait here; trials get their own number.
                env=module_environment(OPENBLAS_NUM_THREADS="1"),
                pass_fds=(tell,),
                start_new_session=True,
            )
    except OSError as error:
        os.close(ready)
        raise SupervisorError(
            f"{error.filename or folder.path}: can't start a supervisor "
            f"({error.strerror})"
        ) from None
    finally:
        os.close(tell)
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, ready)
        # The process that was started only forks the daemon and leaves.
        process.wait()
        return _read_word(ready, deadline)


def _read_word(ready: int, deadline: float) -> str:
    said = b""
    while (left_s := deadline - SYSTEM_CLOCK.mono_s()) > 0:
        if not select.select([ready], [], [], left_s)[0]:
            break
        block = os.read(ready, 1 << 12)
        if not block:
            break
        said += block
    return said.decode(errors="replace").strip()


def _explain_silence(folder: StudyFolder) -> str:
    log = folder.supervisor_log
    try:
        lines = log.read_text(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    last = f": {lines[-1]}" if lines else ""
    return f"{folder.path}: its supervisor could not start{last}; see {log}"


def _is_listening(path: Path) -> bool:
    """Try until it listens or the time is up: a lost socket is bound again soon."""
    deadline = SYSTEM_CLOCK.mono_s() + _LISTEN_S
    while True:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as attempt:
            try:
                attempt.connect(str(path))
            except OSError:
                if SYSTEM_CLOCK.mono_s() > deadline:
                    return False
            else:
                return True
        time.sleep(_POLL_S)


def _last_cwd(folder: StudyFolder) -> Path:
    last = read_whereabouts(folder)
    if last is not None and Path(last.cwd).is_dir():
        return Path(last.cwd)
    return Path.cwd()


def _open_log(folder: StudyFolder) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    return os.open(folder.supervisor_log, flags, 0o600)
