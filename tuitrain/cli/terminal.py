"""The terminal a screen is shown on."""

import io
import sys


def is_terminal() -> bool:
    """Whether keys can be read and a screen be drawn."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def write_ascii_only() -> None:
    """Let the screen, which is written to standard error, know of ASCII only."""
    if isinstance(sys.__stderr__, io.TextIOWrapper):
        sys.__stderr__.reconfigure(encoding="ascii", errors="replace")
