"""System calls that fail when they are told to: the nth one, and some after it."""

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

CALLS = ("open", "write", "fdatasync", "ftruncate", "lseek", "fstat", "pread")
"""What the writer of a log asks of the kernel."""


@dataclass
class Plan:
    """Which calls fail, and how."""

    first: int
    """Number of the first one that does, from 1."""
    count: int = 1
    """How many do, one after the other."""
    number: int = errno.EIO
    is_short: bool = False
    """A `write` that fails has written half before it does."""
    calls: int = 0
    """Calls made so far."""
    failed: int = 0

    def is_due(self) -> bool:
        """Count one more call, and say whether it fails."""
        self.calls += 1
        is_due = self.first <= self.calls < self.first + self.count
        self.failed += is_due
        return is_due


@contextmanager
def failing(plan: Plan, room: str = "tuitrain.store") -> Iterator[Plan]:
    """Let the calls that a room makes fail as planned; nobody else's do."""
    real = {name: getattr(os, name) for name in CALLS}

    def stand_in(name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            caller = str(sys._getframe(1).f_globals.get("__name__"))
            if not caller.startswith(room) or not plan.is_due():
                return real[name](*arguments, **options)
            if name == "write" and plan.is_short:
                descriptor, content = arguments
                return real["write"](descriptor, content[: len(content) // 2])
            raise OSError(plan.number, os.strerror(plan.number))

        return call

    for name in CALLS:
        setattr(os, name, stand_in(name))
    try:
        yield plan
    finally:
        for name, function in real.items():
            setattr(os, name, function)
