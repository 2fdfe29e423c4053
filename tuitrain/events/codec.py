"""One record, one line: JSON with sequence number, both clocks, and a CRC as last key.

    {"seq":3,"at_s":1790000000.1,"mono_s":512.7,"event":{"type":"EpochEnded",…},"crc":"1a2b3c4d"}

The CRC-32 covers every byte before `,"crc":`. It is compared as bytes: parsing it
would accept a torn prefix such as "0", since the CRC of nothing is 0.
"""

import zlib
from typing import Final

import msgspec

from tuitrain.events.happened import Event
from tuitrain.units import Seconds

FORMAT: Final = "tuitrain-log"
"""Name of the line format, before the slash of `LogOpened.format`."""
FORMAT_VERSION: Final = 1
"""Version written by this program, after the slash; older ones stay readable."""

_CRC_KEY: Final = b',"crc":"'
_TAIL_LENGTH: Final = len(_CRC_KEY) + 8 + len(b'"}')


class RecordError(Exception):
    """A line of a log or of the wire can't be used."""


class MalformedRecordError(RecordError):
    """A line is torn, damaged, or not a record at all."""


class LogVersionError(RecordError):
    """A log was written by a newer tuitrain."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """An event with its place in its stream and the time it was made."""

    seq: int
    """0 for the first record of a stream, then one more each."""
    at_s: Seconds
    """Wall clock, seconds since the epoch; for people."""
    mono_s: Seconds
    """Monotonic clock of the boot it was made in; for durations."""
    event: Event


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Record)


def encode_record(record: Record) -> bytes:
    """Return the line of `record`, newline included."""
    body = _encoder.encode(record)[:-1]
    return b'%s,"crc":"%08x"}\n' % (body, zlib.crc32(body))


def decode_record(line: bytes) -> Record:
    """Return the record of one line, with or without its newline.

    Raises:
        MalformedRecordError: The line is torn, its CRC does not match, or it holds
            no event this version knows.
    """
    line = line.removesuffix(b"\n")
    body = line[:-_TAIL_LENGTH]
    if not body or line[-_TAIL_LENGTH:] != b'%s%08x"}' % (_CRC_KEY, zlib.crc32(body)):
        raise MalformedRecordError("torn or damaged line")
    try:
        return _decoder.decode(body + b"}")
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedRecordError(str(error)) from None
