"""How another process of this program is started: the same code, nothing of the folder."""

import os
import sys
import sysconfig
from pathlib import Path

import tuitrain


def module_command(
    module: str, *arguments: str, python: str | None = None
) -> list[str]:
    """Return the command that runs `module` of this program.

    `-P` keeps the current folder off the path: a script folder may well hold a
    `logging.py` of its own, which none of our processes should import.
    """
    return [python or sys.executable, "-P", "-m", module, *arguments]


def patient_threads() -> dict[str, str]:
    """Return the variable that lets OpenMP threads sleep while they wait.

    By default they spin, which is a little faster on an idle machine and ruinous on a
    shared one: two threads on two cores that others use too took 35-160 ms for an
    iteration of a small network, against 1-4 ms asleep. OpenMP reads it when it is
    loaded, so it must be set before the interpreter starts.
    """
    return {"OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE")}


def module_environment(**changes: str) -> dict[str, str]:
    """Return the environment for `module_command`, with `changes`.

    A program that runs from a source tree is found by its children too.
    """
    environment = {**os.environ, **changes}
    root = str(Path(tuitrain.__file__).resolve().parent.parent)
    installed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    if root not in installed:
        known = environment.get("PYTHONPATH", "").split(os.pathsep)
        if root not in known:
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, *known]))
    return environment
