"""Textual's driver for Unix terminals, sparing with bytes and never held up by them."""

import os
import threading
from collections.abc import Callable
from typing import IO

from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver

from tuitrain.tui.terminal.painter import Painter


class Sender(threading.Thread):
    """Writes to the terminal as fast as it reads, always the newest.

    While a write waits for the terminal, what comes next is gathered: a slow terminal
    gets fewer frames, and nobody but this thread waits for it.
    """

    def __init__(self, take: Callable[[], str], file: IO[str]) -> None:
        """Send what `take` returns, from each `wake` until `stop`."""
        super().__init__(daemon=True, name="terminal-output")
        self._take = take
        self._file = file
        self._woken = threading.Event()
        self._is_stopped = False

    def wake(self) -> None:
        """There is something new to send."""
        self._woken.set()

    def stop(self) -> None:
        """Send the rest, and wait until it is sent."""
        self._is_stopped = True
        self._woken.set()
        self.join()

    def run(self) -> None:
        """Send until stopped, or until the terminal is gone."""
        is_last = False
        while not is_last:
            self._woken.wait()
            self._woken.clear()
            is_last = self._is_stopped
            try:
                if text := self._take():
                    self._file.write(text)
                    self._file.flush()
            except OSError:
                # Who watches the terminal ends the app; nobody can be told here.
                return


class SparingDriver(LinuxDriver):
    """Sends the cells that changed, when the terminal has time for them."""

    _painter: Painter | None = None
    _sender: Sender | None = None

    def start_application_mode(self) -> None:
        """Take the terminal over."""
        self._painting = threading.Lock()
        is_covered = getattr(self._app, "is_covered", False)
        self._painter = Painter(*self._get_terminal_size(), is_covered=is_covered)
        if self._file is None:
            raise OSError("there is no standard error to draw on")
        self._sender = Sender(self._take, self._file)
        self._sender.start()
        super().start_application_mode()  # type: ignore[no-untyped-call]

    def write(self, data: str) -> None:
        """Draw `data`, and have what changes sent; never waits for the terminal."""
        if self._painter is None or self._sender is None:
            return
        size = self._get_terminal_size()
        with self._painting:
            if size != self._painter.size:
                self._painter.resize(*size)
            self._painter.feed(data)
        self._sender.wake()

    def repaint(self) -> None:
        """Send the whole screen, whatever the terminal shows at the moment."""
        if self._painter is None or self._sender is None:
            return
        with self._painting:
            self._painter.repaint()
        self._sender.wake()

    def close(self) -> None:
        """Send the rest, and let go of the terminal."""
        if self._sender is not None:
            self._sender.stop()
        super().close()

    def _get_terminal_size(self) -> tuple[int, int]:
        """Return columns and lines of the terminal itself.

        `COLUMNS` and `LINES`, by which Textual goes, may be of another one: readline
        puts them into the environment of whatever is started beside it, where they
        outlast every change of size. Standard output need not be a terminal either.
        """
        if self._file is not None:
            try:
                size = os.get_terminal_size(self._file.fileno())
            except (OSError, ValueError):
                return super()._get_terminal_size()
            if size.columns and size.lines:
                return size.columns, size.lines
        return super()._get_terminal_size()

    def _take(self) -> str:
        with self._painting:
            return self._painter.take() if self._painter is not None else ""


def spare(chosen: type[Driver]) -> type[Driver]:
    """Return the driver to use where Textual has `chosen`: a sparing one if there is."""
    return SparingDriver if chosen is LinuxDriver else chosen
