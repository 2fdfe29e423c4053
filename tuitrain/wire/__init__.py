"""Bytes on the socket: framing, handshake, address."""

from tuitrain.wire.address import (
    MAX_PATH_BYTES,
    find_socket_path,
    make_private_folder,
)
from tuitrain.wire.client import Connection, connect
from tuitrain.wire.failures import (
    ConnectionLostError,
    FrameError,
    HandshakeError,
    WireError,
)
from tuitrain.wire.framing import (
    CLIENT_LINE_BYTES,
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
from tuitrain.wire.peer import Peer, read_peer

__all__ = [
    "CLIENT_LINE_BYTES",
    "MAX_PATH_BYTES",
    "TRIAL_LINE_BYTES",
    "WIRE_VERSION",
    "Answered",
    "Asked",
    "Connection",
    "ConnectionLostError",
    "FrameError",
    "HandshakeError",
    "Hello",
    "LineFramer",
    "Message",
    "Peer",
    "Refused",
    "Relayed",
    "Troubled",
    "Welcome",
    "WireError",
    "connect",
    "decode_message",
    "encode_message",
    "find_socket_path",
    "make_private_folder",
    "read_peer",
]
