"""Asking another program, which may hang, crash or not be there."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_END_S: Final = 1.0
"""Time to go for a program that was killed; one that hangs in a driver does not."""
_MOST_CHARACTERS: Final = 300


@dataclass(frozen=True)
class Answer:
    """What another program said."""

    out: str = ""
    error: str = ""
    """Why the answer is none, in one line; empty: it ended well."""


def ask(
    command: Sequence[str], *, limit_s: float, env: Mapping[str, str] | None = None
) -> Answer:
    """Run `command` without a terminal and return what it writes.

    Args:
        command: A program by its name or path, and its arguments.
        limit_s: Time it has.
        env: Its environment; None: ours.
    """
    program = shutil.which(command[0])
    if program is None:
        return Answer(error=f"{command[0]}: there is no such program")
    try:
        process = subprocess.Popen(  # noqa: S603 - named by us, or by a study of this user
            [program, *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        return Answer(error=f"{command[0]}: can't be started ({error.strerror})")
    try:
        out, err = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        _end(process)
        return Answer(error=f"no answer within {limit_s:.0f} s")
    return Answer(out, _explain(process.returncode, err))


def _end(process: "subprocess.Popen[str]") -> None:
    """End it and what it started, and leave it behind if even that has no effect."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=_END_S)
    except (OSError, subprocess.TimeoutExpired):
        return


def _explain(status: int, err: str) -> str:
    if status == 0:
        return ""
    if status < 0:
        try:
            return f"it crashed ({signal.Signals(-status).name})"
        except ValueError:
            return f"it crashed (signal {-status})"
    lines = [line.strip() for line in err.splitlines() if line.strip()]
    return (lines[-1] if lines else f"exit status {status}")[:_MOST_CHARACTERS]
