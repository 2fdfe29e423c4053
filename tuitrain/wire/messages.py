"""What is said on the socket: one JSON object a line, tagged, strict."""

from typing import Literal

import msgspec

from tuitrain.commands import Command
from tuitrain.events import TrialId

WIRE_VERSION = 1
"""Raised when an older peer could misunderstand."""


class _Message(
    msgspec.Struct, frozen=True, kw_only=True, tag=True, forbid_unknown_fields=True
):
    """What all messages share."""


class Hello(_Message, frozen=True, kw_only=True):
    """First line of whoever connects."""

    version: int
    role: Literal["client", "trial"]
    study: str
    trial: TrialId | None = None
    """Which trial, for role `trial`; after this line it sends its log lines as they
    are, and nothing is ever sent back to it."""


class Welcome(_Message, frozen=True, kw_only=True):
    """The supervisor's answer to a client's `Hello`."""

    version: int
    study: str
    pid: int


class Refused(_Message, frozen=True, kw_only=True):
    """The supervisor's last word to a peer it won't serve."""

    reason: str


class Asked(_Message, frozen=True, kw_only=True):
    """A client passes on what a person wants."""

    id: int
    """Chosen by the client; comes back in `Answered`."""
    command: Command


class Answered(_Message, frozen=True, kw_only=True):
    """What became of a command; what it did follows as events."""

    id: int
    accepted: bool
    message: str = ""
    """Why not, or what was done."""


class Relayed(_Message, frozen=True, kw_only=True):
    """A line of one stream, just written: `record` is the log line, byte for byte."""

    stream: str
    record: msgspec.Raw


class Troubled(_Message, frozen=True, kw_only=True):
    """The supervisor can't do its work at the moment, and tries again and again."""

    message: str
    """One line: what, where and what to do; empty: all is well again."""


Message = Hello | Welcome | Refused | Asked | Answered | Relayed | Troubled
"""Everything that may be said."""
