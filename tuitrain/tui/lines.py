"""Lines of text with roles: what panes draw, before any colour is decided.

A role (`good`, `muted`, `curve-3`) is a class that the `.tcss` files dress. Text of
scripts, logs and devices enters here through `plain`, so that nothing a program
printed is ever taken as markup or sent to the terminal as a command.
"""

from collections.abc import Sequence

from rich.cells import cell_len, chop_cells, set_cell_size

from tuitrain.units import sanitize

Span = tuple[str, str]
"""Text and its role; the empty role is ordinary text."""
Line = tuple[Span, ...]
"""One row of a pane."""

CURVE_ROLES = 8
"""Number of roles `curve-0` … for trials; the ninth trial takes the first again."""

ROLES = (
    "muted",
    "strong",
    "good",
    "warn",
    "bad",
    "unsure",
    "accent",
    "title",
    "cursor",
    *(f"curve-{index}" for index in range(CURVE_ROLES)),
    *(f"faint-{index}" for index in range(CURVE_ROLES)),
    *(f"heat-{index}" for index in range(5)),
)
"""Every role there is."""

BLANK: Line = ()
"""An empty row."""


def plain(text: str) -> str:
    """Return text of foreign origin as one harmless line."""
    return sanitize(text).strip()


def line(*parts: str | Span) -> Line:
    """Return a row of spans; plain strings have the ordinary role."""
    spans = ((part, "") if isinstance(part, str) else part for part in parts)
    return tuple(span for span in spans if span[0])


def width_of(row: Line) -> int:
    """Return the width of a row in cells."""
    return sum(cell_len(text) for text, _ in row)


def crop(text: str, width: int, *, keep_end: bool = False) -> str:
    """Cut `text` to `width` cells, with an ellipsis where something is missing."""
    if cell_len(text) <= width:
        return text
    if width <= 1:
        return "…"[: max(0, width)]
    if not keep_end:
        return set_cell_size(text, width - 1).rstrip() + "…"
    kept = text[-(width - 1) :]
    while cell_len(kept) > width - 1:
        kept = kept[1:]
    return "…" + kept


def pad(text: str, width: int, *, right: bool = False) -> str:
    """Cut or fill `text` to exactly `width` cells; `right` aligns it to the right."""
    text = crop(text, width)
    filler = " " * (width - cell_len(text))
    return filler + text if right else text + filler


def fit(row: Line, width: int) -> Line:
    """Cut a row to `width` cells, with an ellipsis where something is missing."""
    if width_of(row) <= width:
        return row
    fitted: list[Span] = []
    left = width
    for text, role in row:
        needed = cell_len(text)
        if needed >= left:
            # At least one more cell follows or this span itself is too long.
            fitted.append((crop(text + " ", left), role))
            break
        fitted.append((text, role))
        left -= needed
    return tuple(fitted)


def justify(left: Line, right: Line, width: int) -> Line:
    """Return one row with `right` flush right; it is left out where it has no room."""
    gap = width - width_of(left) - width_of(right)
    if gap < 1:
        return fit(left, width)
    return (*left, (" " * gap, ""), *right)


def wrap(
    text: str, width: int, role: str = "", *, first: Line = (), indent: int = 0
) -> list[Line]:
    """Break foreign text into rows of at most `width` cells at its spaces.

    Args:
        text: Any text; line breaks in it count as spaces.
        width: Cells there are.
        role: Role of the text.
        first: Spans that go before the first row, `indent` cells wide as a rule.
        indent: Cells that later rows are moved in.
    """
    room = max(8, width - indent)
    # A long head leaves its own row little room, or none.
    room_left = width - max(indent, width_of(first))
    rows: list[str] = [""]
    for word in plain(text).split():
        for piece in chop_cells(word, room) if cell_len(word) > room else [word]:
            joined = f"{rows[-1]} {piece}" if rows[-1] else piece
            if cell_len(joined) <= room_left:
                rows[-1] = joined
            else:
                rows.append(piece)
                room_left = room
    head = (*first, (rows[0], role))
    return [head, *(line(" " * indent, (row, role)) for row in rows[1:])]


def changed_cells(before: Line, after: Line, width: int) -> tuple[int, int] | None:
    """Return (first, end) of the cells in which two rows differ; None: they are equal.

    Whole spans are compared, so the range may be a little larger than needed.
    """
    if before == after:
        return None
    first = 0
    common = 0
    for old, new in zip(before, after, strict=False):
        if old != new:
            break
        first += cell_len(old[0])
        common += 1
    if width_of(before) != width_of(after):
        return first, width
    end = width_of(after)
    for old, new in zip(
        reversed(before[common:]), reversed(after[common:]), strict=False
    ):
        if old != new:
            break
        end -= cell_len(old[0])
    return first, max(end, first + 1)


def merge(cells: Sequence[str], roles: Sequence[str]) -> Line:
    """Return single characters and their roles as a row with as few spans as can be."""
    spans: list[Span] = []
    for cell, role in zip(cells, roles, strict=True):
        if spans and spans[-1][1] == role:
            spans[-1] = (spans[-1][0] + cell, role)
        else:
            spans.append((cell, role))
    return tuple(spans)
