"""One record, one line: JSON with sequence number, both clocks, and a CRC as last key.

    {"seq":3,"at_s":1790000000.1,"mono_s":512.7,"event":{"type":"EpochEnded",…},"crc":"1a2b3c4d"}

The CRC-32 covers every byte before `,"crc":`. It is compared as bytes: parsing it
would accept a torn prefix such as "0", since the CRC of nothing is 0.

Whatever an event holds, its line can be read back: NumPy scalars become plain numbers,
and a non-finite number outside a column of points becomes its word where the field can
hold one, else None.
"""

import math
import zlib
from collections.abc import Callable
from typing import Final

import msgspec
import numpy as np

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


class MalformedRecordError(RecordError, ValueError):
    """A line is torn, damaged, or not a record at all."""


class DamagedRecordError(MalformedRecordError):
    """A line is a record's, but its CRC is not that of its content."""


class LogVersionError(RecordError):
    """A log was written by a newer tuitrain."""


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An event with its place in its stream and the time it was made."""

    seq: int
    """0 for the first record of a stream, then one more each."""
    at_s: Seconds
    """Seconds since the epoch, for order and durations: the wall clock as a study found
    it in this boot, carried on by the monotonic clock, which does not jump."""
    mono_s: Seconds
    """Monotonic clock of the boot it was made in."""
    wall_s: Seconds | None = None
    """Wall clock, where it was set since; None: within a second of `at_s`."""
    event: Event


def _to_plain(value: object) -> object:
    """Return what JSON knows for a NumPy scalar; a rule may put one into its evidence."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} has no place in an event")


_encoder: Final = msgspec.json.Encoder(enc_hook=_to_plain)
_decoder: Final = msgspec.json.Decoder(Record)


def encode_record(record: Record) -> bytes:
    """Return the line of `record`, newline included.

    Raises:
        MalformedRecordError: No line that can be read back holds this event.
    """
    try:
        body = _encoder.encode(record)[:-1]
    except UnicodeEncodeError:
        body = _encode_safely(record)
    else:
        # JSON libraries write NaN and infinity as null; columns hold words instead.
        if b"null" in body:
            body = _encode_safely(record)
    return b'%s,"crc":"%08x"}\n' % (body, zlib.crc32(body))


def decode_record(line: bytes) -> Record:
    """Return the record of one line, with or without its newline.

    Raises:
        MalformedRecordError: The line is torn, its CRC does not match, or it holds
            no event this version knows.
    """
    line = line.removesuffix(b"\n")
    # A view, since most of opening a long log is what is done to each of its bytes.
    body = memoryview(line)[:-_TAIL_LENGTH]
    if not body or line[-_TAIL_LENGTH:] != b'%s%08x"}' % (_CRC_KEY, zlib.crc32(body)):
        is_whole = line[-_TAIL_LENGTH:].startswith(_CRC_KEY)
        raise (DamagedRecordError if is_whole else MalformedRecordError)(
            "torn or damaged line"
        )
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise MalformedRecordError(str(error)) from None


def _encode_safely(record: Record) -> bytes:
    """Return the body of a line for an event with values that JSON does not know."""
    plain = msgspec.to_builtins(record, enc_hook=_to_plain)
    error: Exception | None = None
    for spell in (_as_word, _as_none):
        body = _encoder.encode(_mend(plain, spell))
        try:
            _decoder.decode(body)
        except msgspec.DecodeError as refusal:
            error = refusal
        else:
            return body[:-1]
    kind = type(record.event).__name__
    raise MalformedRecordError(f"{kind} can't be written: {error}")


def _as_word(number: float) -> str | None:
    return str(number)


def _as_none(number: float) -> str | None:
    return None


def _mend(value: object, spell: Callable[[float], str | None]) -> object:
    """Return `value` with non-finite numbers spelled, and text that UTF-8 can hold."""
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case float() if not math.isfinite(value):
            return spell(value)
        case dict():
            return {_mend(k, spell): _mend(v, spell) for k, v in value.items()}
        case list() | tuple():
            mended = [_mend(item, spell) for item in value]
            # A column of numbers has no room for None; one that needs it goes whole.
            return None if None in mended and None not in value else mended
        case _:
            return value
