"""Where lines go, and what the terminal or pipe behind it can show."""

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TextIO

from tuitrain.units import sanitize

_PLAIN: Final = str.maketrans(
    {
        "–": "-", "—": "-", "·": "-", "×": "x", "→": "->", "…": "...", "≤": "<=",
        "≥": ">=", "‖": "|", "−": "-", "⅓": "1/3", "±": "+-", "²": "^2", "≈": "~",
        "’": "'", "“": '"', "”": '"', "\N{NO-BREAK SPACE}": " ",
    }
)  # fmt: skip
"""What the program's own texts use beyond ASCII, for outputs that can't carry it."""

_GAP: Final = "  "
_FALLBACK_SIZE: Final = (100, 24)


@dataclass(frozen=True)
class Look:
    """What an output can show."""

    columns: int
    lines: int
    ascii_only: bool
    """Braille and box drawing can't be shown."""
    has_colour: bool

    @classmethod
    def of(
        cls, stream: TextIO, environ: Mapping[str, str], *, ascii_only: bool = False
    ) -> "Look":
        """Find out what `stream` can show.

        Args:
            stream: Where text will be written.
            environ: `COLUMNS`, `LINES`, `NO_COLOR` and `TERM` are looked at.
            ascii_only: Show plain ASCII whatever the stream could carry.
        """
        size = shutil.get_terminal_size(_FALLBACK_SIZE)
        is_dumb = environ.get("TERM") == "dumb" or "NO_COLOR" in environ
        return cls(
            columns=max(20, size.columns),
            lines=max(8, size.lines),
            ascii_only=ascii_only or not _carries_braille(stream),
            has_colour=stream.isatty() and not is_dumb,
        )


class Printer:
    """Writes lines as they come, made harmless for whatever reads them."""

    def __init__(self, stream: TextIO, look: Look) -> None:
        """Write to `stream` what `look` says it can show."""
        self._stream = stream
        self.look = look

    def lines(self, lines: Iterable[str]) -> None:
        """Write lines of text; control characters in them are taken out."""
        self._write(sanitize(line).rstrip() for line in lines)

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Write rows with their columns aligned, cut at the width of the output.

        The first row is the header; columns without any content below it are left out.
        """
        shown = [[self._shown(sanitize(cell)) for cell in row] for row in rows]
        self._write(align(shown, self.look.columns, self._shown("…")))

    def picture(self, lines: Iterable[str]) -> None:
        """Write lines drawn by this program, colours included."""
        self._write(lines)

    def raw(self, text: str) -> None:
        """Write `text` as it is."""
        self._stream.write(text)
        self._stream.flush()

    def _write(self, lines: Iterable[str]) -> None:
        encoding = self._stream.encoding or "ascii"
        for line in lines:
            # A script's own words may hold anything; better a `?` than a crash.
            carried = self._shown(line).encode(encoding, "replace").decode(encoding)
            self._stream.write(f"{carried}\n")
        self._stream.flush()

    def _shown(self, text: str) -> str:
        return text.translate(_PLAIN) if self.look.ascii_only else text


def align(rows: Sequence[Sequence[str]], width: int, ellipsis: str = "…") -> list[str]:
    """Return rows as lines, columns aligned, each cut at `width` with an ellipsis.

    Columns without any content below the first row are left out.
    """
    columns = zip(*rows, strict=True)
    kept = [column for column in columns if any(column[1:])]
    widths = [max(len(cell) for cell in column) for column in kept]
    lines = []
    for row in zip(*kept, strict=True):
        cells = (cell.ljust(size) for cell, size in zip(row, widths, strict=True))
        line = _GAP.join(cells).rstrip()
        is_long = len(line) > width
        lines.append(line[: width - len(ellipsis)] + ellipsis if is_long else line)
    return lines


def find_look(stream: TextIO, *, ascii_only: bool = False) -> Look:
    """Return what `stream` can show, going by this process's environment."""
    return Look.of(stream, os.environ, ascii_only=ascii_only)


def _carries_braille(stream: TextIO) -> bool:
    try:
        "⣿┤".encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
