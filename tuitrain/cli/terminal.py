"""The terminal a screen is shown on."""

import io
import os
import stat
import sys


def is_terminal() -> bool:
    """Whether keys can be read and a screen be drawn."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def write_ascii_only() -> None:
    """Let the screen, which is written to standard error, know of ASCII only."""
    if isinstance(sys.__stderr__, io.TextIOWrapper):
        sys.__stderr__.reconfigure(encoding="ascii", errors="replace")


def is_left_behind() -> bool:
    """Whether the remote shell that started this in the background has ended.

    `ssh host 'tuitrain run … --headless &'` waits until nobody holds its pipe any more,
    and nobody else waits for this process then. Output that goes to a file is wanted
    to its end, whoever has left.
    """
    if "SSH_CONNECTION" not in os.environ or "SSH_TTY" in os.environ:
        return False
    mode = os.fstat(sys.stdout.fileno()).st_mode
    leader = os.getsid(0)  # 0: in another namespace
    if leader == 0 or not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return False
    try:
        os.kill(leader, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
