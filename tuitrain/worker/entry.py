"""The first code of a training process: from `trial.json` to an exit status.

This module must load without torch: when torch is missing, it says so.
"""

import importlib
import os
import signal
import sys
from pathlib import Path
from typing import Final

from tuitrain.events import OutcomeKind, TrialFinished
from tuitrain.store import LogWriter, StoreError, TrialFolder, TrialSpec, read_spec

EXIT_DONE: Final = 0
EXIT_FAILED: Final = 1

_LOADED_LATE: Final = ("torch._dynamo", "torch.profiler", "torch.utils.serialization")
"""What torch loads when it is first needed, in the releases that have it; the last one
came with 2.6."""


def run_trial(folder: Path) -> int:
    """Run the trial described in `folder` to its end, in this process.

    Standard streams and the visible devices are those the launcher chose.

    Returns:
        0: it ended as planned, was asked to stop, or its loss was not finite. 1: the
        script raised or can't be used, or the trial's files can't be.
    """
    place = TrialFolder(folder)
    try:
        spec = read_spec(place.spec)
        writer = LogWriter(
            place.points, f"{spec.trial}/points", booted_at_s=spec.booted_at_s
        )
    except StoreError as error:
        sys.stderr.write(f"tuitrain: {error}\n")
        return EXIT_FAILED
    _set_title(spec)
    os.environ["OMP_NUM_THREADS"] = str(spec.threads)
    try:
        import torch  # noqa: F401 - whether it is there is the question
    except ImportError as error:
        return _refuse_without_torch(spec, writer, error)
    from tuitrain.worker.running import run_spec

    return run_spec(spec, place, writer)


def preload() -> None:
    """Import what a first training needs, so that a fork has it already.

    Nothing is computed: no thread is started, and CUDA is not touched.
    """
    import torch
    import torch.optim.lr_scheduler
    import torch.utils.data  # noqa: F401

    import tuitrain.worker.alone
    import tuitrain.worker.run
    import tuitrain.worker.running  # noqa: F401

    for name in _LOADED_LATE:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            # What this torch does not have, it does not load either.
            if not name.startswith(error.name or " "):
                raise


def _refuse_without_torch(
    spec: TrialSpec, writer: LogWriter, error: ImportError
) -> int:
    message = (
        f"torch can't be imported by {sys.executable} ({error}); install it there: "
        "pip install torch"
    )
    sys.stderr.write(f"tuitrain: {message}\n")
    finished = TrialFinished(
        trial=spec.trial, outcome=OutcomeKind.REJECTED, iteration=0, message=message
    )
    try:
        writer.append([finished])
    except StoreError as store_error:
        sys.stderr.write(f"tuitrain: {store_error}\n")
    writer.close()
    return EXIT_FAILED


def _set_title(spec: TrialSpec) -> None:
    """Say in `ps`, `top` and `nvidia-smi` what this process is."""
    from setproctitle import setproctitle

    values = " ".join(f"{name}={value}" for name, value in spec.config.items())
    setproctitle(f"tuitrain trial {spec.study}/{spec.trial} {values}".rstrip())


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(run_trial(Path(sys.argv[1])))
