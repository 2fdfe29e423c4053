"""The shim: one small process per trial that waits, sweeps up and records the end.

Run as `python -m tuitrain.launch.shim FOLDER [--python PATH]`, which starts a fresh
interpreter for the training, or entered by a fork of the warm starter.
"""

import argparse
import contextlib
import ctypes
import errno
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from setproctitle import setproctitle

from tuitrain.clock import SYSTEM_CLOCK
from tuitrain.events import TrialEnded, TrialStarted
from tuitrain.launch.exit_status import ExitStatus
from tuitrain.launch.flushing import Flusher
from tuitrain.launch.identity import (
    ProcessIdentity,
    find_descendants,
    read_boot_id,
    read_status,
)
from tuitrain.launch.interpreter import module_command, module_environment
from tuitrain.launch.oom import LOOK_EVERY_S, OomCounter
from tuitrain.launch.remains import remove_drafts
from tuitrain.launch.trial import trial_environment
from tuitrain.store import (
    LogFollower,
    LogWriter,
    StoreError,
    TrialFolder,
    TrialSpec,
    read_spec,
)

STOP_GRACE_S: Final = 5.0
"""From SIGTERM to SIGKILL for a training process that was asked to stop."""
ALONE_S: Final = 3.0
"""So long only the training process knows of it: its helpers are left at work, since one
that vanishes (a loader's worker) ends it by an error, before it has kept where it stood."""
SWEEP_GRACE_S: Final = 1.0
"""The same for what a training process left behind."""

_SWEEP_LIMIT_S: Final = 10.0
_RECORD_LIMIT_S: Final = 600.0
_WAITED_FOR: Final = frozenset({signal.SIGCHLD, signal.SIGTERM})
_PR_SET_CHILD_SUBREAPER: Final = 36

Start = Callable[[TrialSpec, TrialFolder, int, Sequence[int]], int]
"""Starts the training process and returns its pid. Arguments: what to train, where, the
descriptor on which it waits for the word to go, and those it must not keep."""


def run_shim(folder: TrialFolder, start: Start, how: str) -> int:
    """See one trial through: start it, wait, sweep up, record its end.

    Returns:
        Exit status: 0 also when another shim has, or had, this trial.
    """
    # Waited for in one place instead of handled anywhere; blocked, they stay pending.
    signal.pthread_sigmask(
        signal.SIG_BLOCK, {*_WAITED_FOR, signal.SIGHUP, signal.SIGINT}
    )
    if os.getsid(0) != os.getpid():
        os.setsid()
    _adopt_orphans()
    lock = _take(folder)
    if lock is None or _has_started(folder):
        return 0
    spec = read_spec(folder.spec)
    setproctitle(f"tuitrain shim {spec.study}/{spec.trial}")
    go_read, go_write = os.pipe()
    training = start(spec, folder, go_read, (lock, go_write))
    os.close(go_read)
    # Nothing is trained before its start is on record: if this fails or this process
    # dies, the training process reads an end of file and leaves.
    log = LogWriter(folder.state, f"{folder.trial}/state", booted_at_s=spec.booted_at_s)
    log.append([_describe(spec, training, how)])
    with contextlib.suppress(
        BrokenPipeError
    ):  # gone already; its end is recorded below
        os.write(go_write, b"g")
    os.close(go_write)
    flusher = Flusher([folder.state, folder.points])
    flusher.start()
    memory = OomCounter()
    ended = ExitStatus.of(_wait(training, memory))
    oom_kills = memory.count_recent()
    sweep()
    remove_drafts(folder)
    _record(
        log,
        TrialEnded(
            trial=spec.trial,
            exit_code=ended.exit_code,
            signal=ended.signal,
            oom_kills=oom_kills,
        ),
    )
    flusher.flush()
    return 0


def sweep() -> None:
    """End every process below this one, asking first."""
    if not _reap_until(lambda: not find_descendants(os.getpid()), 0.0):
        _signal_all(signal.SIGTERM)
        _reap_until(lambda: not find_descendants(os.getpid()), SWEEP_GRACE_S)
    deadline = SYSTEM_CLOCK.mono_s() + _SWEEP_LIMIT_S
    while find_descendants(os.getpid()) and SYSTEM_CLOCK.mono_s() < deadline:
        _signal_all(signal.SIGKILL)
        _reap_until(lambda: not find_descendants(os.getpid()), 0.2)


def main(argv: list[str] | None = None) -> int:
    """Run one shim whose training gets a fresh interpreter."""
    parser = argparse.ArgumentParser(prog="tuitrain.launch.shim")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--python", default=None)
    arguments = parser.parse_args(argv)

    def start(
        spec: TrialSpec, folder: TrialFolder, go: int, _unneeded: Sequence[int]
    ) -> int:
        return _start_fresh(spec, folder, go, arguments.python)

    try:
        return run_shim(TrialFolder(arguments.folder), start, "cold")
    except (OSError, StoreError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _start_fresh(
    spec: TrialSpec, folder: TrialFolder, go: int, python: str | None
) -> int:
    with folder.out.open("ab") as out:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter or the one the user named
            module_command(
                "tuitrain.launch.trial",
                str(folder.path),
                "--go",
                str(go),
                python=python,
            ),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=module_environment(**trial_environment(folder, spec)),
            pass_fds=(go,),
            start_new_session=True,
        )
    pid = process.pid
    # It is waited for by pid, among all orphans; the object must not wait as well.
    process.returncode = 0
    return pid


def _adopt_orphans() -> None:
    """Become the parent of whatever the training process leaves behind."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        sys.stderr.write(
            f"orphans can't be adopted: {os.strerror(ctypes.get_errno())}\n"
        )


def _take(folder: TrialFolder) -> int | None:
    """Return a descriptor that holds the trial's lock; None: another shim has it."""
    descriptor = os.open(folder.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError as error:
        # A network file system without locks; the record of the start still helps.
        if error.errno not in (errno.EBADF, errno.ENOLCK, errno.EOPNOTSUPP):
            raise
    return descriptor


def _has_started(folder: TrialFolder) -> bool:
    records = LogFollower(folder.state).read()
    return any(isinstance(record.event, TrialStarted) for record in records)


def _describe(spec: TrialSpec, training: int, how: str) -> TrialStarted:
    status, own = read_status(training), ProcessIdentity.of(os.getpid())
    return TrialStarted(
        trial=spec.trial,
        pid=training,
        start_ticks=status.start_ticks if status is not None else 0,
        boot_id=read_boot_id(),
        shim_pid=os.getpid(),
        shim_start_ticks=own.start_ticks if own is not None else 0,
        device=spec.device,
        threads=spec.threads,
        how=how,
    )


def _wait(training: int, memory: OomCounter) -> int:
    """Return the wait status of the training process; pass a wish to stop on to it."""
    asked_s: float | None = None
    has_told_all = False
    while (status := _reap(training)) is None:
        left_s = LOOK_EVERY_S
        if asked_s is not None:
            since_s = SYSTEM_CLOCK.mono_s() - asked_s
            left_s = (STOP_GRACE_S if has_told_all else ALONE_S) - since_s
            if left_s <= 0:
                number = signal.SIGKILL if has_told_all else signal.SIGTERM
                _signal_all(number, but=None if has_told_all else training)
                left_s = 1.0 if has_told_all else STOP_GRACE_S - since_s
                has_told_all = True
        caught = signal.sigtimedwait(_WAITED_FOR, max(left_s, 0.0))
        if caught is None:
            memory.look()
        elif caught.si_signo == signal.SIGTERM and asked_s is None:
            # Not yet collected, so its pid can't be another's.
            os.kill(training, signal.SIGTERM)
            asked_s = SYSTEM_CLOCK.mono_s()
    return status


def _reap(training: int | None = None) -> int | None:
    """Collect all dead children; return the wait status of `training` if among them."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        if pid == training:
            found = status


def _reap_until(is_done: Callable[[], bool], limit_s: float) -> bool:
    deadline = SYSTEM_CLOCK.mono_s() + limit_s
    while True:
        _reap()
        if is_done():
            return True
        if SYSTEM_CLOCK.mono_s() >= deadline:
            return False
        signal.sigtimedwait({signal.SIGCHLD}, 0.05)


def _signal_all(number: signal.Signals, *, but: int | None = None) -> None:
    for victim in find_descendants(os.getpid()):
        if victim.pid != but:
            victim.send(number)


def _record(log: LogWriter, ended: TrialEnded) -> None:
    """Put the end on record; a full disk is waited for, since nobody else knows."""
    deadline = SYSTEM_CLOCK.mono_s() + _RECORD_LIMIT_S
    while True:
        try:
            log.append([ended])
        except StoreError as error:
            sys.stderr.write(f"{error}\n")
            if SYSTEM_CLOCK.mono_s() > deadline:
                return
            time.sleep(1.0)
        else:
            break
    try:
        log.sync()
    except StoreError as error:
        sys.stderr.write(f"{error}\n")


if __name__ == "__main__":
    sys.exit(main())
