"""A training with grandchildren, two in its own session and two in theirs.

It tells their pids in `OUTSIDE/<trial>.pids`, waits for the word in `OUTSIDE/finish`,
and then ends without them, as one does that forgets its loaders.
"""

import os
import subprocess
import time
from pathlib import Path

import tuitrain

outside = Path(os.environ["OUTSIDE"])
run = tuitrain.init(config={"lr": 1e-3, "weight_decay": 0.0})
name = run.folder.name
# Their one parent in between ends at once, as a loader's does that is killed.
START = """
sleep 86400 >/dev/null & echo $!
sleep 86400 >/dev/null & echo $!
setsid sleep 86400 >/dev/null & echo $!
setsid sh -c "trap '' TERM; sleep 86400 & wait" >/dev/null & echo $!
"""
started = subprocess.run(
    ["sh", "-c", START], stdout=subprocess.PIPE, text=True, check=True, close_fds=True
)
draft = outside / f".{name}"
draft.write_text(started.stdout)
draft.rename(outside / f"{name}.pids")
while not (outside / "finish").exists() and not run._session.is_over():
    run.log({"loss": 1.0})
    time.sleep(0.05)
run.finish()
