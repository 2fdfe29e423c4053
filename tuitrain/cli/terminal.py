"""Whether there is a terminal to show a screen on."""

import sys


def is_terminal() -> bool:
    """Whether keys can be read and a screen be drawn."""
    return sys.stdin.isatty() and sys.stdout.isatty()
