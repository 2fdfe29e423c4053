"""The cells of a terminal, and what a program that draws on it makes of them."""

from collections.abc import Iterator

from rich.cells import cell_len, get_character_cell_size

from tuitrain.tui.terminal.styles import PLAIN, Look

_JOINER = "\u200d"


class Cells:
    """What stands in each cell of a terminal, and in what look."""

    def __init__(self, width: int, height: int) -> None:
        """Return an empty terminal."""
        self.width, self.height = width, height
        self.texts = [[" "] * width for _ in range(height)]
        """One grapheme a cell; the cells that a wide one covers besides its first hold
        the empty string."""
        self.looks = [[PLAIN] * width for _ in range(height)]

    def put(self, x: int, y: int, text: str, look: Look) -> int:
        """Write `text` from cell (x, y) on, cut at the edge; return the cell after it."""
        if not 0 <= y < self.height or x >= self.width:
            return x + cell_len(text)
        texts = list(text) if text.isascii() else list(_cells_of(text))
        end = x + len(texts)
        texts = texts[: self.width - x]
        row, last = self.texts[y], x + len(texts)
        # Half of a wide grapheme can't stay.
        if not row[x]:
            _blank_around(row, x)
        if last < self.width and not row[last]:
            _blank_around(row, last)
        row[x:last] = texts
        if not look.is_seen_on_blanks and not text.strip(" "):
            # The colour of nothing is nothing: blanks of two roles are the same.
            look = Look(background=look.background)
        self.looks[y][x:last] = [look] * len(texts)
        return end

    def resized(self, width: int, height: int) -> "Cells":
        """Return as much of this as has room in another size."""
        other = Cells(width, height)
        for y in range(min(height, self.height)):
            kept = min(width, self.width)
            other.texts[y][:kept] = self.texts[y][:kept]
            other.looks[y][:kept] = self.looks[y][:kept]
        return other

    def take_row(self, y: int, other: "Cells") -> None:
        """Make row `y` what it is in `other`, which is as large."""
        self.texts[y] = other.texts[y].copy()
        self.looks[y] = other.looks[y].copy()

    def has_wide(self, y: int) -> bool:
        """Whether a grapheme in row `y` is not exactly one character and one cell."""
        return any(len(text) != 1 for text in self.texts[y])


def _blank_around(row: list[str], at: int) -> None:
    """Take away the wide grapheme that covers the cell `at` from further left."""
    first = at
    while first and not row[first]:
        first -= 1
    end = at
    while end < len(row) and not row[end]:
        end += 1
    row[first:end] = [" "] * (end - first)


def _cells_of(text: str) -> Iterator[str]:
    """Yield what each cell of `text` holds."""
    grapheme = ""
    for character in text:
        is_joined = grapheme and (
            grapheme[-1] == _JOINER or not get_character_cell_size(character)
        )
        if not is_joined and grapheme:
            yield from _spread(grapheme)
            grapheme = ""
        grapheme += character
    yield from _spread(grapheme)


def _spread(grapheme: str) -> Iterator[str]:
    width = 1 if len(grapheme) == 1 and "\u2500" <= grapheme < "\u2e80" else -1
    if width < 0:
        width = cell_len(grapheme)
    if width:
        yield grapheme
        yield from [""] * (width - 1)
