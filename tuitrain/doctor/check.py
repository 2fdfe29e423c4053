"""One line of the doctor's report: what was looked at, how it is, what mends it."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How one thing is."""

    FINE = "fine"
    WARNING = "warning"
    """tuitrain works, but something that it promises may be worse, slower or lost."""
    BROKEN = "broken"
    """Something that tuitrain promises can't be kept here."""
    UNKNOWN = "unknown"
    """It can't be looked at; `found` says why."""


@dataclass(frozen=True)
class Check:
    """What was found of one thing."""

    name: str
    state: State
    found: str
    mend: str = ""
    """The command, or the setting, that mends it; empty: nothing to mend."""


def fine(name: str, found: str) -> Check:
    """Return that `name` is as it should be."""
    return Check(name, State.FINE, found)


def warning(name: str, found: str, mend: str = "") -> Check:
    """Return that `name` may spoil something."""
    return Check(name, State.WARNING, found, mend)


def broken(name: str, found: str, mend: str = "") -> Check:
    """Return that a promise can't be kept because of `name`."""
    return Check(name, State.BROKEN, found, mend)


def unknown(name: str, found: str, mend: str = "") -> Check:
    """Return that `name` can't be looked at."""
    return Check(name, State.UNKNOWN, found, mend)


def some(things: list[str], most: int = 5) -> str:
    """Return the first of `things` in one line, and how many more there are."""
    rest = len(things) - most
    shown = ", ".join(things[:most])
    return f"{shown} and {rest} more" if rest > 0 else shown
