"""The screen: draws a study and turns keys into commands; imported only when shown."""

import importlib
from typing import TYPE_CHECKING, Final

from tuitrain.tui.ahead import ReadAhead
from tuitrain.tui.glance import Glance
from tuitrain.tui.terms import Terms

if TYPE_CHECKING:
    from tuitrain.tui.run import run_home, run_replay, run_screen

__all__ = ["Glance", "ReadAhead", "Terms", "run_home", "run_replay", "run_screen"]

_DOORS: Final = frozenset({"run_home", "run_replay", "run_screen"})


def __getattr__(name: str) -> object:
    """Return a door; what is behind it takes most of a second to load."""
    if name not in _DOORS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("tuitrain.tui.run"), name)
