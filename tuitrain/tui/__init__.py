"""The screen: draws a study and turns keys into commands; imported only when shown."""

from tuitrain.tui.manners import Terms
from tuitrain.tui.run import run_home, run_replay, run_screen

__all__ = ["Terms", "run_home", "run_replay", "run_screen"]
