"""Bytes in, lines out; no I/O. And messages to lines and back."""

from typing import Final

import msgspec

from tuitrain.wire.failures import FrameError
from tuitrain.wire.messages import Message

CLIENT_LINE_BYTES: Final = 64 << 10
"""Longest line a client may send: commands are short."""
TRIAL_LINE_BYTES: Final = 4 << 20
"""Longest line of a log, and so of a trial and of what is relayed to clients."""


class LineFramer:
    """Cuts a stream of bytes into lines, each with its newline."""

    def __init__(self, limit_bytes: int) -> None:
        """Refuse lines longer than `limit_bytes`, whether they ever end or not."""
        self.limit_bytes = limit_bytes
        self._parts: list[bytes] = []
        self._held_bytes = 0

    def feed(self, block: bytes) -> list[bytes]:
        """Take what just arrived and return the lines that are whole now.

        Raises:
            FrameError: A line exceeds the limit; nothing more can be framed.
        """
        first, newline, rest = block.partition(b"\n")
        if not newline:
            self._hold(first)
            return []
        self._hold(first + newline)
        lines = [b"".join(self._parts)]
        self._parts, self._held_bytes = [], 0
        *whole, tail = rest.split(b"\n")
        lines += [line + b"\n" for line in whole]
        if max(map(len, lines)) > self.limit_bytes:
            raise self._refusal()
        self._hold(tail)
        return lines

    def _hold(self, part: bytes) -> None:
        if not part:
            return
        # Parts are joined only when their line ends: joining on every arrival would
        # make a long line quadratic.
        self._parts.append(part)
        self._held_bytes += len(part)
        if self._held_bytes > self.limit_bytes:
            raise self._refusal()

    def _refusal(self) -> FrameError:
        return FrameError(f"a line is longer than {self.limit_bytes} bytes")


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Message)


def encode_message(message: Message) -> bytes:
    """Return the line of `message`, newline included."""
    return _encoder.encode(message) + b"\n"


def decode_message(line: bytes) -> Message:
    """Return the message of one line.

    Raises:
        FrameError: The line holds no message of this version, or more than one.
    """
    try:
        message: Message = _decoder.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise FrameError(f"not a message of this protocol ({error})") from None
    return message
