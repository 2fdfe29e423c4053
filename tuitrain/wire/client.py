"""A client's end of the socket: connect, ask, receive."""

import errno
import os
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tuitrain.clock import SYSTEM_CLOCK
from tuitrain.commands import Command
from tuitrain.wire.failures import (
    ConnectionLostError,
    FrameError,
    HandshakeError,
    WireError,
)
from tuitrain.wire.framing import (
    TRIAL_LINE_BYTES,
    LineFramer,
    decode_message,
    encode_message,
)
from tuitrain.wire.messages import (
    WIRE_VERSION,
    Answered,
    Asked,
    Hello,
    Message,
    Refused,
    Relayed,
    Troubled,
    Welcome,
)
from tuitrain.wire.peer import read_peer

_READ_BYTES: Final = 1 << 18
_RETRY_S: Final = 0.02
_RELAY_OVERHEAD_BYTES: Final = 256
_ASK_TIMEOUT_S: Final = 30.0


def connect(socket_path: Path, study: str, *, timeout_s: float = 5.0) -> "Connection":
    """Connect to the supervisor of `study` as a client, and shake hands.

    Raises:
        ConnectionLostError: Nobody listens there, or nobody answered in time.
        HandshakeError: Somebody else's process listens, or it is of another study or
            another version.
    """
    deadline = _now() + timeout_s
    connected = _open(socket_path, deadline)
    try:
        connection = Connection(connected, socket_path)
        connection.shake_hands(study, deadline)
    except BaseException:
        connected.close()
        raise
    return connection


class Connection:
    """A client's connection after the handshake.

    `ask` and `receive` may be called from two threads at once: whichever waits reads
    for both, and hands over what is not its own.
    """

    def __init__(self, connected: socket.socket, socket_path: Path) -> None:
        """Take over a connected socket."""
        connected.settimeout(0.0)
        self._socket = connected
        self._path = socket_path
        self._framer = LineFramer(TRIAL_LINE_BYTES + _RELAY_OVERHEAD_BYTES)
        self._changed = threading.Condition()
        self._sending = threading.Lock()
        self._is_reading = False
        self._lost: WireError | None = None
        self._greeting: Message | None = None
        self._relayed: deque[Relayed] = deque()
        self._answers: dict[int, Answered] = {}
        self._next_id = 1
        self.trouble = ""
        """What keeps the supervisor from its work, as last heard while receiving or
        asking, in one line; empty: nothing."""

    def fileno(self) -> int:
        """The socket's descriptor, for a selector; -1 once closed."""
        return self._socket.fileno()

    def ask(self, command: Command, *, timeout_s: float = _ASK_TIMEOUT_S) -> Answered:
        """Pass on what a person wants and wait for what became of it.

        Raises:
            ConnectionLostError: The supervisor is gone or did not answer in time.
        """
        deadline = _now() + timeout_s
        with self._changed:
            number = self._next_id
            self._next_id += 1
        self._send(Asked(id=number, command=command), deadline)
        self._wait(lambda: number in self._answers, deadline)
        with self._changed:
            answer = self._answers.pop(number, None)
        if answer is None:
            raise ConnectionLostError(
                f"{self._path}: the supervisor did not answer in {timeout_s:g} s"
            )
        return answer

    def receive(self, timeout_s: float = 0.0) -> list[Relayed]:
        """Return the lines relayed since the last call; wait for one if there is none.

        A relayed record is a log line without its newline.

        Returns:
            Lines in the order they were written; empty: none came in `timeout_s`.

        Raises:
            ConnectionLostError: The supervisor is gone; all that came was returned.
        """
        try:
            self._wait(lambda: bool(self._relayed), _now() + timeout_s)
        except WireError:
            if not self._relayed:
                raise
        with self._changed:
            relayed = list(self._relayed)
            self._relayed.clear()
        return relayed

    def close(self) -> None:
        """Hang up; calling it again does nothing."""
        with self._changed:
            if self._lost is None:
                self._lost = ConnectionLostError(f"{self._path}: closed")
            self._changed.notify_all()
        self._socket.close()

    def shake_hands(self, study: str, deadline: float) -> None:
        """Say hello and check who answers.

        Raises:
            WireError: Not the supervisor of `study`, or no answer.
        """
        peer = read_peer(self._socket)
        if peer.uid != os.getuid():
            raise HandshakeError(
                f"{self._path}: user {peer.uid} listens there, not you; not connected"
            )
        self._send(Hello(version=WIRE_VERSION, role="client", study=study), deadline)
        self._wait(lambda: self._greeting is not None, deadline)
        match self._greeting:
            case Welcome(version=version, study=name):
                if version != WIRE_VERSION or name != study:
                    raise HandshakeError(
                        f"{self._path}: answers for {name} in version {version}, not "
                        f"for {study} in version {WIRE_VERSION}"
                    )
            case Refused(reason=reason):
                raise HandshakeError(f"{self._path}: {reason}")
            case None:
                raise ConnectionLostError(f"{self._path}: nobody answered in time")
            case _:
                raise HandshakeError(f"{self._path}: it is no supervisor")

    def _send(self, message: Message, deadline: float) -> None:
        line = memoryview(encode_message(message))
        with self._sending:
            while line:
                try:
                    line = line[self._socket.send(line, socket.MSG_NOSIGNAL) :]
                except BlockingIOError:
                    if not self._is_ready(selectors.EVENT_WRITE, deadline):
                        raise ConnectionLostError(
                            f"{self._path}: the supervisor does not read"
                        ) from None
                except OSError as error:
                    raise self._loss(error) from None

    def _wait(self, is_done: Callable[[], bool], deadline: float) -> None:
        """Read until `is_done`, the deadline, or the end; one thread reads for all."""
        with self._changed:
            while not is_done():
                if self._lost is not None:
                    raise self._lost
                if self._is_reading:
                    if not self._changed.wait(max(0.0, deadline - _now())):
                        return
                    continue
                self._is_reading = True
                self._changed.release()
                try:
                    block = self._read(deadline)
                finally:
                    self._changed.acquire()
                    self._is_reading = False
                    self._changed.notify_all()
                if block is None:
                    return
                self._take(block)

    def _read(self, deadline: float) -> bytes | OSError | None:
        """Return the next bytes (none at the end), why there are none, or None: late."""
        try:
            while True:
                try:
                    return self._socket.recv(_READ_BYTES)
                except BlockingIOError:
                    if not self._is_ready(selectors.EVENT_READ, deadline):
                        return None
        except (OSError, ValueError) as error:
            return error if isinstance(error, OSError) else OSError(errno.EBADF, "")

    def _take(self, block: bytes | OSError) -> None:
        if isinstance(block, OSError) or not block:
            error = block if isinstance(block, OSError) else None
            self._lost = self._lost or self._loss(error)
            return
        try:
            for line in self._framer.feed(block):
                self._sort(decode_message(line))
        except FrameError as error:
            self._lost = ConnectionLostError(f"{self._path}: {error}")

    def _sort(self, message: Message) -> None:
        match message:
            case Relayed():
                self._relayed.append(message)
            case Answered():
                self._answers[message.id] = message
            case Troubled(message=trouble):
                self.trouble = trouble
            case Welcome() | Refused() if self._greeting is None:
                self._greeting = message
            case Refused(reason=reason):
                self._lost = ConnectionLostError(f"{self._path}: {reason}")
            case _:
                raise FrameError("a message that a supervisor never sends")

    def _is_ready(self, event: int, deadline: float) -> bool:
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, event)
            return bool(selector.select(max(0.0, deadline - _now())))

    def _loss(self, error: OSError | None) -> ConnectionLostError:
        why = f" ({error.strerror})" if error is not None else ""
        return ConnectionLostError(f"{self._path}: the supervisor is gone{why}")


def _open(socket_path: Path, deadline: float) -> socket.socket:
    """Connect; a listener whose queue is full is asked again until the deadline."""
    while True:
        attempt = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            attempt.connect(str(socket_path))
        except OSError as error:
            attempt.close()
            if error.errno != errno.EAGAIN or _now() > deadline:
                why = error.strerror or str(error)
                raise ConnectionLostError(
                    f"{socket_path}: no supervisor listens there ({why})"
                ) from None
            time.sleep(_RETRY_S)
        else:
            return attempt


def _now() -> float:
    return SYSTEM_CLOCK.mono_s()
