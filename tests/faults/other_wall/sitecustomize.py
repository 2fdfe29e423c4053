"""Sets the wall clock of Python processes off by what a file says; monotonic time goes on.

On the path of those processes (`PYTHONPATH`) this is loaded before anything else, the
module of the same name after it on the path included. `libfaketime` can't do it: with a
monotonic clock that it leaves alone, its `clock_nanosleep` fails.
"""

import os
import runpy
import sys
import time
from pathlib import Path

_real = time.time  # noqa: TID251 - this is what is replaced
_offset = Path(os.environ["WALL_OFFSET"])


def _wall() -> float:
    try:
        return _real() + float(_offset.read_text())
    except (OSError, ValueError):
        return _real()


time.time = _wall  # noqa: TID251
_own = Path(__file__).resolve().parent
for _folder in sys.path:
    _next = Path(_folder) / "sitecustomize.py"
    if _next.is_file() and _next.resolve().parent != _own:
        runpy.run_path(str(_next))
        break
