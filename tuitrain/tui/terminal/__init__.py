"""The terminal: what is on it, what should be on it, and the bytes between the two."""

from tuitrain.tui.terminal.driver import SparingDriver, spare

__all__ = ["SparingDriver", "spare"]
