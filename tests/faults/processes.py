"""The processes of one study, found by its name, which no other study has."""

import contextlib
import os
import secrets
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tuitrain.launch import ProcessIdentity

KINDS = {
    "supervisor": ("tuitrain supervisor", "tuitrain.supervisor "),
    "shim": ("tuitrain shim", "tuitrain.launch.shim"),
    "trial": ("tuitrain trial", "tuitrain.launch.trial"),
    "starter": ("tuitrain starter", "tuitrain.launch.starter"),
    "sampler": ("tuitrain gpus", "tuitrain.supervisor.gpus"),
    "headless": ("tuitrain run",),
    "screen": ("tuitrain attach",),
}
"""What the command lines of each kind hold, whether it has taken a title yet or not."""


def unique_name(prefix: str) -> str:
    """Return a name for a study that nothing else on this machine has."""
    return f"{prefix}-{secrets.token_hex(4)}"


@dataclass(frozen=True)
class Found:
    """A process that belongs to the study."""

    kind: str
    command: str
    identity: ProcessIdentity

    def kill(self, number: signal.Signals = signal.SIGKILL) -> bool:
        """Send a signal, to this very process only; False: it is gone."""
        return self.identity.send(number)


def find_processes(name: str) -> list[Found]:
    """Return every living process whose command line holds the study's unique name."""
    return [
        Found(_kind_of(command), command, identity)
        for pid, command in _commands()
        if name in command
        and pid != os.getpid()
        and (identity := ProcessIdentity.of(pid)) is not None
    ]


def of_kind(name: str, kind: str) -> list[Found]:
    """Return the study's living processes of one kind."""
    return [found for found in find_processes(name) if found.kind == kind]


def kill_all(name: str) -> None:
    """End whatever a failed test left behind of its study."""
    for _ in range(3):
        for found in find_processes(name):
            found.kill()


def _kind_of(command: str) -> str:
    for kind, marks in KINDS.items():
        if any(mark in command for mark in marks):
            return kind
    return "other"


def _commands() -> Iterator[tuple[int, str]]:
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                raw = Path("/proc", entry, "cmdline").read_bytes()
                yield int(entry), raw.replace(b"\0", b" ").decode(errors="replace")
