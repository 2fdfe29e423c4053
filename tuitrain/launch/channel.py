"""What launcher and starter say to each other: one packet, one JSON object."""

from typing import Final

import msgspec

from tuitrain.events import TrialId

CHANNEL_BYTES: Final = 1 << 16
"""More than any packet here holds: two paths at most."""


class Fork(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Fork a shim for a trial whose folder and `trial.json` are written."""

    trial: TrialId
    folder: str


class Ready(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Everything is imported; forks are quick from here on."""


class NotReady(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The starter can't be used and ends."""

    message: str
    is_final: bool
    """Whether a fresh interpreter would fail the same way."""


class Forked(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A shim runs for a trial."""

    trial: TrialId
    pid: int


class Declined(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A fork would not be safe; the trial needs a fresh interpreter."""

    trial: TrialId
    reason: str


Report = Ready | NotReady | Forked | Declined
"""Everything a starter may say."""

_requests: Final = msgspec.json.Decoder(Fork)
_reports: Final = msgspec.json.Decoder(Report)


def encode_request(request: Fork) -> bytes:
    """Return the packet of a request."""
    return msgspec.json.encode(request)


def decode_request(packet: bytes) -> Fork:
    """Return the request of a packet.

    Raises:
        msgspec.DecodeError: It holds none.
    """
    return _requests.decode(packet)


def encode_report(report: Report) -> bytes:
    """Return the packet of a report."""
    return msgspec.json.encode(report)


def decode_report(packet: bytes) -> Report:
    """Return the report of a packet.

    Raises:
        msgspec.DecodeError: It holds none.
    """
    report: Report = _reports.decode(packet)
    return report
