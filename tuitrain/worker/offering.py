"""Offering log lines to the supervisor's socket, never waiting for it."""

import contextlib
import os
import socket
from collections.abc import Sequence
from pathlib import Path

from tuitrain.clock import SYSTEM_CLOCK, Clock
from tuitrain.units import Seconds
from tuitrain.wire import Hello, encode_message, read_peer

RECONNECT_S = Seconds(1.0)
"""Time between attempts to reach a supervisor that is not there."""


class LineOffer:
    """A connection that takes what fits and drops the rest.

    Whatever is dropped here is in the log, where the supervisor finds it.
    """

    def __init__(self, path: Path, hello: Hello, clock: Clock = SYSTEM_CLOCK) -> None:
        """Offer lines to the socket at `path`, each connection beginning with `hello`."""
        self._path = path
        self._hello = encode_message(hello)
        self._clock = clock
        self._socket: socket.socket | None = None
        self._rest = b""
        self._retry_at_s = Seconds(float("-inf"))

    def offer(self, lines: Sequence[bytes]) -> None:
        """Send as many whole lines as fit; never blocks, never raises."""
        try:
            if self._socket is None and not self._connect():
                return
            if self._send_rest():
                self._send(lines)
        except OSError:
            self.close()

    def close(self) -> None:
        """Close the connection; the next offer may open another."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
        self._socket = None
        self._rest = b""

    def _connect(self) -> bool:
        now_s = self._clock.mono_s()
        if now_s < self._retry_at_s:
            return False
        self._retry_at_s = Seconds(now_s + RECONNECT_S)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket = connection
        connection.settimeout(0)
        connection.connect(os.fspath(self._path))
        if read_peer(connection).uid != os.getuid():
            raise ConnectionRefusedError("the socket belongs to another user")
        self._rest = self._hello
        return True

    def _send_rest(self) -> bool:
        """Complete a line sent in part; return whether that was possible."""
        if self._rest:
            self._rest = self._rest[self._push(self._rest) :]
        return not self._rest

    def _send(self, lines: Sequence[bytes]) -> None:
        block = b"".join(lines)
        sent = self._push(block)
        if sent in (0, len(block)):
            return
        # The peer must never see half a line followed by another one.
        end = block.index(b"\n", sent - 1) + 1
        self._rest = block[sent:end]

    def _push(self, block: bytes) -> int:
        assert self._socket is not None
        try:
            return self._socket.send(block, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except BlockingIOError:
            return 0
