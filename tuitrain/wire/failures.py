"""The exceptions of this room, with one base."""


class WireError(Exception):
    """Talking on the socket failed; says what, where and what to do."""


class ConnectionLostError(WireError):
    """The other side is gone; whatever was not answered may or may not have happened."""


class HandshakeError(WireError):
    """Whoever answered is not the supervisor that was looked for."""


class FrameError(WireError):
    """A line of the socket is too long or no message; its sender is not to be trusted."""
