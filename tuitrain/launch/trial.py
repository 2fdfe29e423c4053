"""The training process itself: streams, environment, the worker, and a clean end.

Run as `python -m tuitrain.launch.trial FOLDER --go FD`, or entered by a fork of the
warm starter.
"""

import argparse
import atexit
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from setproctitle import setproctitle

from tuitrain.launch.interpreter import patient_threads
from tuitrain.launch.output import forgive_output
from tuitrain.store import TRIAL_VARIABLE, TrialFolder, TrialSpec, read_spec

NOT_RUN = 70
"""Exit status of a training process that was never told to go."""

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
_ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)


def become_trial(
    folder: TrialFolder, spec: TrialSpec, go: int, unneeded: Iterable[int]
) -> NoReturn:
    """Turn this freshly forked process into the training process of `spec`.

    Args:
        folder: The trial's folder.
        spec: What to train.
        go: Descriptor on which one byte says that the start is on record.
        unneeded: Descriptors of the parent, closed here.
    """
    status = NOT_RUN
    try:
        os.setsid()
        for descriptor in unneeded:
            os.close(descriptor)
        _open_streams(folder)
        for name, value in trial_environment(folder, spec).items():
            os.environ[name] = value
        status = _run(folder, spec, go)
    except BaseException:  # noqa: BLE001 - the stack above is the starter's, not ours
        traceback.print_exc()
        status = 1
    finally:
        _end(status)


def trial_environment(folder: TrialFolder, spec: TrialSpec) -> dict[str, str]:
    """Return the variables a training process gets on top of the user's own."""
    threads = dict.fromkeys(_THREAD_VARIABLES, str(spec.threads))
    is_cpu = spec.device == "cpu"
    return {
        **threads,
        **patient_threads(),
        # The order that every tool agrees on; a UUID means one GPU whatever the order.
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_VISIBLE_DEVICES": "" if is_cpu else spec.device,
        TRIAL_VARIABLE: str(folder.path),
    }


def main(argv: list[str] | None = None) -> int:
    """Run one trial in this fresh interpreter; its streams and environment are set."""
    parser = argparse.ArgumentParser(prog="tuitrain.launch.trial")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--go", type=int, required=True)
    arguments = parser.parse_args(argv)
    folder = TrialFolder(arguments.folder)
    return _run(folder, read_spec(folder.spec), arguments.go)


def _run(folder: TrialFolder, spec: TrialSpec, go: int) -> int:
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for number in _ENDING_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    # The starter ignores it, as does whatever a shell's `&` started: so would every
    # program that the script starts and interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    forgive_output()
    setproctitle(f"tuitrain trial {spec.study}/{spec.trial}")
    # End of file instead of the byte: the shim died before the start was on record,
    # and somebody else will be told to run this trial.
    is_told = os.read(go, 1) == b"g"
    os.close(go)
    if not is_told:
        return NOT_RUN
    if spec.umask is not None:
        os.umask(spec.umask)
    from tuitrain.worker.entry import run_trial

    return run_trial(folder.path)


def _open_streams(folder: TrialFolder) -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    out = os.open(folder.out, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(null, 0)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.close(null)
    os.close(out)


def _end(status: int) -> NoReturn:
    """End as an interpreter does, but without taking a loaded torch to pieces.

    A fork that unwound its stack would come out in the starter's code.
    """
    try:
        threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - as multiprocessing ends its forks
        atexit._run_exitfuncs()  # noqa: SLF001 - no public name
    except BaseException:  # noqa: BLE001 - whatever it was, the end is the end
        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue
    os._exit(status)


if __name__ == "__main__":
    sys.exit(main())
