"""`main`: one command in, one exit status out, never a traceback."""

import argparse
import gc
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import Final, cast

from tuitrain.cli.failures import UsageError
from tuitrain.cli.parser import parse

MISUSED: Final = 2
"""Wrong use, or input that can't be used."""
BROKEN: Final = 3
"""The program's own fault."""
INTERRUPTED: Final = 130
"""Ended by Ctrl-C."""
PIPE_CLOSED: Final = 141
"""Whoever read the output went away."""

OBJECTS_BETWEEN_COLLECTIONS: Final = 100_000
"""A start makes many objects, and all of them stay: looking for garbage among them at
Python's usual 700 takes an eighth of the time until the first picture."""

_BLAS_THREADS: Final = "OPENBLAS_NUM_THREADS"

_HOMES: Final = {
    "demo": ("tuitrain.cli.walk", "demo"),
    "run": ("tuitrain.cli.walk", "run"),
    "attach": ("tuitrain.cli.walk", "attach"),
    "list": ("tuitrain.cli.shelf", "list_studies"),
    "stop": ("tuitrain.cli.shelf", "stop"),
    "resume": ("tuitrain.cli.resume", "resume"),
    "replay": ("tuitrain.cli.look", "replay"),
    "diagnose": ("tuitrain.cli.look", "diagnose"),
    "doctor": ("tuitrain.cli.doctor", "doctor"),
    None: ("tuitrain.cli.shelf", "home"),
}
"""Where each command is; imported when it is asked for, so that `--help` is quick."""

_EXPECTED: Final = (
    ("tuitrain.events", "RecordError"),
    ("tuitrain.store", "StoreError"),
    ("tuitrain.wire", "WireError"),
    ("tuitrain.checklist", "SettingsError"),
    ("tuitrain.headless", "HeadlessError"),
    ("tuitrain.supervisor", "SupervisorError"),
)
"""Exceptions that say in one line what is wrong with the input or the machine."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status.

    Args:
        argv: Arguments after the program's name; None: those of this process.
    """
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    try:
        return _run(parse(sys.argv[1:] if argv is None else argv))
    except SystemExit as ended:  # --help and --version
        return ended.code if isinstance(ended.code, int) else 0
    except UsageError as error:
        return _refuse(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Python would complain about it once more while it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except PermissionError as error:
        if error.filename is None:
            return _confess(error)
        what = f"{os.fsdecode(error.filename)}: {error.strerror}"
        return _refuse(UsageError(f"{what}; look whose it is: ls -ld"))
    except Exception as error:  # noqa: BLE001 - whatever it is, no traceback on the screen
        return _refuse(error) if _is_expected(error) else _confess(error)


def _run(options: argparse.Namespace) -> int:
    _import_numpy()
    module, name = _HOMES[options.command]
    function = getattr(importlib.import_module(module), name)
    return int(cast("Callable[[argparse.Namespace], int]", function)(options))


def _import_numpy() -> None:
    """Import numpy without a pool of threads: nothing in this process multiplies matrices.

    Its BLAS starts a thread for each core, and they spin for a tenth of a second that the
    first picture could use. A trial decides for itself, so the wish is not handed on.
    """
    if _BLAS_THREADS in os.environ:
        return
    os.environ[_BLAS_THREADS] = "1"
    try:
        importlib.import_module("numpy")
    finally:
        del os.environ[_BLAS_THREADS]


def _is_expected(error: Exception) -> bool:
    return any(
        isinstance(error, getattr(importlib.import_module(module), name))
        for module, name in _EXPECTED
    )


def _refuse(error: Exception) -> int:
    from tuitrain.units import sanitize

    _complain(sanitize(str(error)))
    return MISUSED


def _confess(error: Exception) -> int:
    import tempfile
    import traceback

    from tuitrain.units import sanitize

    lines = traceback.format_exception(error)
    try:
        descriptor, path = tempfile.mkstemp(prefix="tuitrain-fault-", suffix=".txt")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.writelines(lines)
    except OSError:
        path = "nowhere: the temporary folder can't be written"
    what = sanitize(f"{type(error).__name__}: {error}")
    _complain(f"a fault of tuitrain itself ({what}); the traceback is in {path}")
    return BROKEN


def _complain(text: str) -> None:
    encoding = sys.stderr.encoding or "ascii"
    line = f"tuitrain: {text}\n".encode(encoding, "replace").decode(encoding)
    sys.stderr.write(line)
