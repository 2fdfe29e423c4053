"""Loading a training script, and what an error in it says to its author."""

import importlib.util
import os
import sys
import traceback
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from tuitrain.worker.failures import RejectedError

MODULE_NAME: Final = "__mp_main__"
"""Name of a loaded script: never `__main__`, so that what it does when started by hand
is left out, and never that of a library it may be called like. It is the one by which
Python's `multiprocessing` loads a script in the processes that it starts afresh: what the
script defines is found there, too, by a loader's workers for one."""

_MESSAGE_CHARACTERS: Final = 300


class _FreshLoader(SourceFileLoader):
    """Reads the source each time, and leaves no compiled copy beside it.

    Python takes a compiled copy for current when time (in seconds) and size agree: two
    edits within a second, `16` to `17` say, would train the first one twice.
    """

    def path_stats(self, path: str) -> dict[str, Any]:
        """Refuse, which is how a loader says that it has no compiled copies."""
        raise OSError(f"{path}: no compiled copy is used")


def load_function(script: Path, name: str) -> Callable[..., Any]:
    """Run the script's top level and return its function called `name`.

    Raises:
        RejectedError: There is no such script or function, or its top level raised.
    """
    find_script_file(script)
    prepare_arguments(script, [])
    loader = _FreshLoader(MODULE_NAME, os.fspath(script))
    spec = importlib.util.spec_from_loader(MODULE_NAME, loader)
    if spec is None:
        raise RejectedError(f"{script.name}: is no Python script; give a .py file")
    module = importlib.util.module_from_spec(spec)
    # A process started afresh loads what is `__main__` here: by its file, without a spec.
    module.__spec__ = None
    sys.modules["__main__"] = sys.modules[MODULE_NAME] = module
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise RejectedError(explain(error, script)) from error
    found: object = getattr(module, name, None)
    if found is None:
        raise RejectedError(
            f"{script.name}: no function {name!r}; "
            f"write `def {name}(trial): return Task(...)`, or name yours: "
            f"{script.name}:function"
        )
    if not callable(found):
        raise RejectedError(
            f"{script.name}: {name!r} is no function (type: {type(found).__name__})"
        )
    return found


def find_script_file(script: Path) -> None:
    """Check that there is a script.

    Raises:
        RejectedError: There is none.
    """
    if not script.is_file():
        raise RejectedError(f"{script}: no such script; check the path")


def prepare_arguments(script: Path, arguments: list[str]) -> None:
    """Make `sys.argv` and the import path what they are when a script is started."""
    sys.argv = [os.fspath(script), *arguments]
    folder = os.fspath(script.parent)
    if folder not in sys.path[:1]:
        sys.path.insert(0, folder)


def explain(error: BaseException, script: Path) -> str:
    """Return an error in one line: `train.py:12: ModuleNotFoundError: No module …`."""
    text = " ".join(str(error).split())[:_MESSAGE_CHARACTERS]
    name = type(error).__name__
    line = _find_line(error, script)
    where = script.name if line is None else f"{script.name}:{line}"
    return f"{where}: {name}: {text}" if text else f"{where}: {name}"


def format_trimmed(error: BaseException, script: Path) -> str:
    """Return the traceback from the first frame of the script on.

    What tuitrain and the import system did before that helps nobody; an error that never
    went through the script is shown in full.
    """
    start = error.__traceback__
    while start is not None and not _is_in(start, script):
        start = start.tb_next
    lines = traceback.format_exception(type(error), error, start or error.__traceback__)
    return "".join(lines)


def _find_line(error: BaseException, script: Path) -> int | None:
    """Line of the script the error came from, the innermost one; None: none."""
    if isinstance(error, SyntaxError) and error.filename == os.fspath(script):
        return error.lineno
    line = None
    frame = error.__traceback__
    while frame is not None:
        if _is_in(frame, script):
            line = frame.tb_lineno
        frame = frame.tb_next
    return line


def _is_in(frame: TracebackType, script: Path) -> bool:
    return frame.tb_frame.f_code.co_filename == os.fspath(script)
