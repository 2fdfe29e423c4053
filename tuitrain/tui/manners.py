"""How the screen behaves towards its terminal: signals, a vanished line, themes."""

import asyncio
import os
import select
import signal
import sys
import threading
from collections.abc import Mapping
from typing import Any

from textual.app import App

LAST_WORDS_S = 1.0
"""How long a signalled app may take to restore the terminal before it is ended."""


def choose_theme(current: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return the theme to start with where none was asked for.

    A theme that the person named in TEXTUAL_THEME goes before. Over SSH the terminal's
    own sixteen colours, a third of the bytes; without colours, too, since only there
    they can be left out instead of turned into greys.
    """
    if environment.get("TEXTUAL_THEME"):
        return current
    is_plain = environment.get("SSH_CONNECTION") or "NO_COLOR" in environment
    return "ansi-dark" if is_plain else "textual-dark"


def keep_manners(app: App[Any]) -> None:
    """Restore the terminal on SIGTERM and SIGHUP, and end when the terminal is gone."""
    if app.is_headless:
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, _leave, app, 128 + number)
    _watch_terminal(app, loop)


def _leave(app: App[Any], return_code: int) -> None:
    # A terminal that is gone blocks the thread that writes to it, and with it the app:
    # the timer ends the process even then. The study does not depend on it.
    timer = threading.Timer(LAST_WORDS_S, os._exit, [return_code])
    timer.daemon = True
    timer.start()
    app.exit(return_code=return_code)


def _watch_terminal(app: App[Any], loop: asyncio.AbstractEventLoop) -> None:
    """Leave when the terminal hangs up without a signal reaching this process."""

    def watch() -> None:
        poller = select.poll()
        # No event is asked for: hang-up and error are always reported.
        poller.register(sys.__stdin__.fileno(), 0)  # type: ignore[union-attr]
        poller.poll()
        code = 128 + signal.SIGHUP
        timer = threading.Timer(LAST_WORDS_S, os._exit, [code])
        timer.daemon = True
        timer.start()
        loop.call_soon_threadsafe(_leave, app, code)

    if sys.__stdin__ is not None and sys.__stdin__.isatty():
        threading.Thread(target=watch, name="terminal", daemon=True).start()
