"""Who is at the other end of a Unix socket, by the kernel's word."""

import socket
import struct
from dataclasses import dataclass
from typing import Final

_CREDENTIALS: Final = struct.Struct("3i")


@dataclass(frozen=True)
class Peer:
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
