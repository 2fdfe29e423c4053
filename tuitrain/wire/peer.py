"""Who is at the other end of a Unix socket, by the kernel's word."""

import socket
import struct
from typing import Final

import msgspec

_CREDENTIALS: Final = struct.Struct("3i")


class Peer(msgspec.Struct, frozen=True):
    """The process that connected or listens, as it was when it did."""

    pid: int
    uid: int


def read_peer(connected: socket.socket) -> Peer:
    """Return who is at the other end of a connected Unix socket.

    Raises:
        OSError: The socket is not connected.
    """
    raw = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _ = _CREDENTIALS.unpack(raw)
    return Peer(pid, uid)
