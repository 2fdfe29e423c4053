"""Stand-in for `tuitrain.worker.entry`: runs the script, trains nothing.

The script finds the trial's folder in `TUITRAIN_TRIAL` and may set `status`.
`STANDIN_PRELOAD` says how loading goes: `threads`, `fail`, or well.
"""

import os
import runpy
import threading
import time
from pathlib import Path

from tuitrain.store import TrialFolder, read_spec


def preload() -> None:
    """Do what the test wants the starter to meet."""
    wish = os.environ.get("STANDIN_PRELOAD")
    if wish == "threads":
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    if wish == "fail":
        raise RuntimeError("this stand-in can't be preloaded")


def run_trial(folder: Path) -> int:
    """Run the trial's script."""
    spec = read_spec(TrialFolder(folder).spec)
    done = runpy.run_path(spec.script, run_name="__main__")
    return int(done.get("status", 0))
