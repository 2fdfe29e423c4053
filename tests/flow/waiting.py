"""Waiting for a condition, with a deadline that only a failure ever reaches."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

DEADLINE_S = 40.0


def wait_for(look: Callable[[], Found], what: str = "") -> Found:
    """Return what `look` returns as soon as it is true."""
    deadline = time.monotonic() + DEADLINE_S
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {DEADLINE_S} s in vain for {what or look}")
        time.sleep(0.02)
    return found
