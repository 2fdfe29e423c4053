"""Units, and how each is written for people.

SI and base units inside the program; the `format_…` functions run only where text
meets a person (`tui`, `headless`, `cli`) and in summaries that are themselves text.
"""

import math
import re
import unicodedata
from typing import Final, NewType

Seconds = NewType("Seconds", float)
"""A duration or a moment, in seconds."""
Bytes = NewType("Bytes", int)
"""A size in bytes."""
Ratio = NewType("Ratio", float)
"""A dimensionless share or quotient; 0..1 where it is a share."""

_ESCAPE_SEQUENCE: Final = re.compile(
    # CSI; OSC, DCS, SOS, PM and APC up to their end; any other ESC and what follows it.
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]{0,4096}(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-~]?"
)
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that a terminal acts on or hides: controls, bidi marks, surrogates."""

_BINARY_PREFIXES: Final = ("B", "KiB", "MiB", "GiB", "TiB")


def format_bytes(size_bytes: float) -> str:
    """Write a size with a binary prefix: `11.2 GiB`."""
    value = float(size_bytes)
    for prefix in _BINARY_PREFIXES[:-1]:
        if abs(value) < 1024:
            return f"{value:.0f} {prefix}" if prefix == "B" else f"{value:.1f} {prefix}"
        value /= 1024
    return f"{value:.1f} {_BINARY_PREFIXES[-1]}"


def format_duration(duration_s: float) -> str:
    """Write a duration as a clock: `03:12`, `1:02:03`."""
    total_s = max(0, round(duration_s))
    hours, rest_s = divmod(total_s, 3600)
    minutes, seconds = divmod(rest_s, 60)
    if hours:
        return f"{hours}:{minutes:02d}:{seconds:02d}"
    return f"{minutes:02d}:{seconds:02d}"


def format_power(value: float) -> str:
    """Write a hyperparameter such as an LR: `1e-2`, `3.3e-3`, `0`."""
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return format_number(value)
    mantissa, exponent = f"{value:.1e}".split("e")
    mantissa = mantissa.removesuffix(".0")
    return f"{mantissa}e{int(exponent)}"


def format_number(value: float | None, digits: int = 4) -> str:
    """Write a measured value in at most `digits` significant digits; None is `–`."""
    if value is None:
        return "–"
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Inf" if value > 0 else "-Inf"
    return f"{value:.{digits}g}"


def format_percent(share: float | None, digits: int = 1) -> str:
    """Write a share 0..1 as `91.2 %`; None is `–`."""
    if share is None:
        return "–"
    if not math.isfinite(share):
        return format_number(share)
    return f"{100 * share:.{digits}f} %"


def sanitize(text: str, *, keep_lines: bool = False) -> str:
    """Return `text` as harmless characters, whatever a script or a log put into it.

    Escape sequences, C0 and C1 controls, bidi marks, zero-width characters and lone
    surrogates go; tabs become spaces. Line breaks become spaces too, unless
    `keep_lines`, where each, a carriage return included, becomes a newline.
    """
    text = _ESCAPE_SEQUENCE.sub("", text)
    text = text.replace("\r\n", "\n").replace("\r", "\n").expandtabs(4)
    if text.isascii() and text.replace("\n", "").isprintable():
        return text if keep_lines else text.replace("\n", " ")
    line_break = "\n" if keep_lines else " "
    return "".join(
        line_break if character == "\n" else character
        for character in text
        if character == "\n" or unicodedata.category(character) not in _INVISIBLE
    )
