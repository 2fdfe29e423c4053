"""The supervisor's end of the socket: who may speak, what may be said, how much."""

import asyncio
import logging
import os
import resource
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import msgspec

from tuitrain.commands import Command
from tuitrain.events import TrialId
from tuitrain.supervisor.streams import Line
from tuitrain.wire import (
    CLIENT_LINE_BYTES,
    TRIAL_LINE_BYTES,
    WIRE_VERSION,
    Answered,
    Asked,
    FrameError,
    Hello,
    LineFramer,
    Message,
    Refused,
    Relayed,
    Troubled,
    Welcome,
    decode_message,
    encode_message,
    make_private_folder,
    read_peer,
)

MAX_CONNECTIONS: Final = 128
"""More than any study has trials at once and screens attached."""
DESCRIPTOR_SHARE: Final = 4
"""One in so many descriptors may be a connection: the others are for the study's files,
which could not be read or written any more."""
HELLO_S: Final = 5.0
"""Time a new peer has to say who it is."""
CLIENT_BACKLOG_BYTES: Final = 16 << 20
"""Bytes kept for a client that does not read; one that needs more is dropped."""
MAX_HELD: Final = 64
"""Requests that may wait until they can be answered."""

_BACKLOG: Final = 16
"""asyncio accepts so many in one go, before it is known who they are; whoever comes
when the queue is full tries again."""
_SOCKET_UMASK: Final = 0o177

_log = logging.getLogger(__name__)


class Household(Protocol):
    """What the server needs of the supervisor."""

    def take_line(self, trial: TrialId, line: bytes) -> None:
        """A trial offers a line it has just written."""
        ...

    def take_command(self, command: Command) -> Answered | None:
        """A client asks for something; the answer's id is filled in by the server.

        None: it can't be answered yet; the server asks again when told to.
        """
        ...

    def notice(self) -> None:
        """Somebody came or went: something may have changed."""
        ...


class Server:
    """Listens at a study's socket and serves trials and clients."""

    def __init__(self, path: Path, study: str, household: Household) -> None:
        """Serve `study` at `path` once `open` is called."""
        self.path = path
        self.study = study
        self.household = household
        self.clients: set[Guest] = set()
        self.guests: set[Guest] = set()
        self._held: list[tuple[Guest, Asked]] = []
        self._trouble = ""
        self._server: asyncio.Server | None = None
        self._inode: int | None = None

    async def open(self) -> None:
        """Bind the socket, private from its first moment on, and listen.

        Raises:
            OSError: It can't be bound.
            WireError: Its folder is no longer ours alone.
        """
        if self._server is not None:
            # Nobody can reach it any more. It must not be closed later: from Python 3.13
            # on that removes the new socket, where it was given the old one's inode.
            self._server.close()
            self._server = None
        make_private_folder(self.path.parent)
        # Only who holds the study's lock comes here: what lies there is left over.
        self.path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(_SOCKET_UMASK)
        try:
            listening.bind(str(self.path))
        except OSError:
            listening.close()
            raise
        finally:
            os.umask(before)
        self._inode = self.path.stat().st_ino
        self._server = await asyncio.get_running_loop().create_unix_server(
            lambda: Guest(self), sock=listening, backlog=_BACKLOG
        )

    def take_request(self, client: "Guest", asked: Asked) -> None:
        """Pass on what a client asks, or hold it until it can be answered."""
        answer = self.household.take_command(asked.command)
        if answer is not None:
            client.say(msgspec.structs.replace(answer, id=asked.id))
        elif len(self._held) < MAX_HELD:
            self._held.append((client, asked))
        else:
            reason = "too much is asked already of a supervisor that has just begun"
            client.say(Answered(id=asked.id, accepted=False, message=reason))

    def answer_held(self) -> None:
        """Pass on again what could not be answered before."""
        held, self._held = self._held, []
        for client, asked in held:
            if client in self.clients:
                self.take_request(client, asked)

    async def reopen_if_lost(self) -> None:
        """Bind again when a cleaner of temporary files took the socket away."""
        try:
            is_there = self.path.stat().st_ino == self._inode
        except OSError:
            is_there = False
        if not is_there:
            _log.warning("%s is gone; binding it again", self.path)
            await self.open()

    def relay(self, line: Line) -> None:
        """Pass a line on to every client."""
        if not self.clients:
            return
        message = Relayed(
            stream=line.stream, record=msgspec.Raw(line.line.removesuffix(b"\n"))
        )
        encoded = encode_message(message)
        for client in list(self.clients):
            client.send(encoded)

    def tell_trouble(self, message: str) -> None:
        """Let every client know what is wrong, now and later; empty: nothing any more."""
        if message != self._trouble:
            self._trouble = message
            for client in list(self.clients):
                client.say(Troubled(message=message))

    def welcome(self, client: "Guest") -> None:
        """Take a client in."""
        client.say(Welcome(version=WIRE_VERSION, study=self.study, pid=os.getpid()))
        if self._trouble:
            client.say(Troubled(message=self._trouble))
        self.clients.add(client)
        self.household.notice()

    def close(self) -> None:
        """Stop listening, send off everybody, and take the socket away."""
        if self._server is not None:
            self._server.close()
        for guest in list(self.guests):
            guest.leave()
        try:
            if self.path.stat().st_ino == self._inode:
                self.path.unlink()
        except OSError:
            return


class Guest(asyncio.Protocol):
    """One connection: a stranger until its first line, then a client or a trial."""

    def __init__(self, server: Server) -> None:
        """Belong to `server`."""
        self._server = server
        self._transport: asyncio.Transport | None = None
        # The first lines of a trial may come in one piece with its hello.
        self._framer = LineFramer(TRIAL_LINE_BYTES)
        self._take: Callable[[bytes], None] = self._take_hello
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let in who is of this user, while there is room."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a stream was expected")
        self._transport = transport
        self._server.guests.add(self)
        peer = read_peer(transport.get_extra_info("socket"))
        if peer.uid != os.getuid():
            _log.warning("refused user %d (process %d)", peer.uid, peer.pid)
            transport.abort()
        elif len(self._server.guests) > _most_connections():
            self._refuse("too many connections; close some screens and try again")
        else:
            loop = asyncio.get_running_loop()
            self._patience = loop.call_later(HELLO_S, transport.abort)

    def data_received(self, data: bytes) -> None:
        """Take whole lines, one after the other."""
        try:
            for line in self._framer.feed(data):
                if self._transport is None or self._transport.is_closing():
                    return
                self._take(line)
        except FrameError as error:
            self._refuse(str(error))

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget this peer."""
        del exc
        if self._patience is not None:
            self._patience.cancel()
        # A method of its own would keep this peer, and what it sent, until the garbage
        # collector looks at everything, which may be hours from now.
        self._take = _ignore
        self._transport = self._patience = None
        self._server.guests.discard(self)
        self._server.clients.discard(self)
        self._server.household.notice()

    def send(self, encoded: bytes) -> None:
        """Send one encoded message, or drop a client that does not read."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > CLIENT_BACKLOG_BYTES:
            _log.warning("dropped a client that does not read")
            self._server.clients.discard(self)
            self._transport.abort()
            return
        self._transport.write(encoded)

    def leave(self) -> None:
        """Close after what is still to be sent."""
        if self._transport is not None:
            self._transport.close()

    def say(self, message: Message) -> None:
        """Send one message."""
        self.send(encode_message(message))

    def _refuse(self, reason: str) -> None:
        self.say(Refused(reason=reason))
        self.leave()

    def _take_hello(self, line: bytes) -> None:
        if len(line) > CLIENT_LINE_BYTES:
            raise FrameError("too long for a hello")
        hello = decode_message(line)
        if self._patience is not None:
            self._patience.cancel()
        server = self._server
        if not isinstance(hello, Hello):
            self._refuse("say hello first")
        elif hello.version != WIRE_VERSION:
            self._refuse(
                f"this supervisor speaks version {WIRE_VERSION}, not {hello.version}; "
                "stop it with `tuitrain stop` and start it again"
            )
        elif hello.study != server.study:
            self._refuse(f"this is the supervisor of {server.study}, not {hello.study}")
        elif hello.role == "client":
            self._framer.limit_bytes = CLIENT_LINE_BYTES
            self._take = self._take_request
            server.welcome(self)
        elif hello.trial is None:
            self._refuse("a trial must say which one it is")
        else:
            self._take = partial(server.household.take_line, hello.trial)

    def _take_request(self, line: bytes) -> None:
        asked = decode_message(line)
        if not isinstance(asked, Asked):
            self._refuse("a client may only ask")
            return
        self._server.take_request(self, asked)


def _ignore(_: bytes) -> None:
    """Whoever sent it is gone."""


def _most_connections() -> int:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return min(MAX_CONNECTIONS, limit // DESCRIPTOR_SHARE)
