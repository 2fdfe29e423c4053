"""The warm starter: imports torch once, then forks a shim for every trial asked for.

Run as `python -m tuitrain.launch.starter STUDY --channel FD` by the launcher.
"""

import argparse
import contextlib
import gc
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

from setproctitle import setproctitle

from tuitrain.launch.channel import (
    CHANNEL_BYTES,
    Declined,
    Fork,
    Forked,
    NotReady,
    Ready,
    decode_request,
    encode_report,
)
from tuitrain.launch.missing import explain_import_failure
from tuitrain.launch.shim import run_shim
from tuitrain.launch.trial import become_trial
from tuitrain.store import TrialFolder, TrialSpec

_REAP_MS: Final = 250


def main(argv: list[str] | None = None) -> int:
    """Serve the launcher at the other end of the channel until it hangs up."""
    parser = argparse.ArgumentParser(prog="tuitrain.launch.starter")
    parser.add_argument("study")
    parser.add_argument("--channel", type=int, required=True)
    arguments = parser.parse_args(argv)
    setproctitle(f"tuitrain starter {arguments.study}")
    with socket.socket(fileno=arguments.channel) as channel:
        problem = _preload()
        # A supervisor that is gone needs no starter, nor an account of it.
        with contextlib.suppress(ConnectionError):
            channel.send(encode_report(problem or Ready()))
            if problem is None:
                _serve(channel)
    return 0 if problem is None else 1


def _preload() -> NotReady | None:
    """Import what every training needs; return why that failed, None: it did not."""
    try:
        from tuitrain.worker.entry import preload

        preload()
    except ImportError as error:
        traceback.print_exc()
        return NotReady(message=explain_import_failure(error), is_final=True)
    except Exception as error:  # noqa: BLE001 - the fallback is a fresh interpreter each
        traceback.print_exc()
        return NotReady(message=f"{type(error).__name__}: {error}", is_final=False)
    # Objects alive now stay where they are, so that children share their pages.
    gc.collect()
    gc.freeze()
    return None


def _serve(channel: socket.socket) -> None:
    poller = select.poll()
    poller.register(channel, select.POLLIN)
    has_children = False
    while True:
        if not poller.poll(_REAP_MS if has_children else None):
            has_children = _reap()
            continue
        packet = channel.recv(CHANNEL_BYTES)
        if not packet:
            return
        request = decode_request(packet)
        channel.send(encode_report(_fork_shim(request, channel)))
        has_children = True


def _fork_shim(request: Fork, channel: socket.socket) -> Forked | Declined:
    danger = find_fork_danger()
    if danger is not None:
        return Declined(trial=request.trial, reason=danger)
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _become_shim(TrialFolder(Path(request.folder)), channel)
    return Forked(trial=request.trial, pid=pid)


def find_fork_danger() -> str | None:
    """Say why a fork of this process could not be trusted; None: it can.

    A fork copies one thread only; what others held locked stays locked for good. And
    a CUDA context does not survive a fork at all.
    """
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        return f"the starter has {threads} threads"
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return "CUDA is initialized in the starter"
    return None


def _become_shim(folder: TrialFolder, channel: socket.socket) -> NoReturn:
    status = 1
    try:
        channel.close()
        # A trial's own problems belong in its own log, not in the supervisor's.
        out = os.open(folder.out, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.close(out)
        status = run_shim(folder, _fork_training, "warm")
    except BaseException:  # noqa: BLE001 - the stack above is the starter's, not ours
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _fork_training(
    spec: TrialSpec, folder: TrialFolder, go: int, unneeded: Sequence[int]
) -> int:
    pid = os.fork()
    if pid == 0:
        become_trial(folder, spec, go, unneeded)
    return pid


def _reap() -> bool:
    """Collect dead shims; return whether any is left."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(main())
