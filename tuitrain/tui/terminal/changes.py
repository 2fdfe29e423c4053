"""What to send so that one screen becomes another: the cells that differ, no more."""

from collections.abc import Iterable
from typing import NamedTuple

from tuitrain.tui.terminal.cells import Cells
from tuitrain.tui.terminal.styles import PLAIN, Look, switch

_NOWHERE = (-1, -1)


class Run(NamedTuple):
    """Neighbouring cells of one row that are written in one go."""

    y: int
    x: int
    look: Look
    text: str
    end: int
    """The cell after it; -1: not to be relied on, since terminals disagree on it."""


def find_changes(before: Cells, after: Cells, rows: Iterable[int]) -> list[Run]:
    """Return what differs in some rows of two screens of one size, from the top."""
    runs: list[Run] = []
    for y in sorted(rows):
        old, new = before.texts[y], after.texts[y]
        old_looks, new_looks = before.looks[y], after.looks[y]
        if old == new and old_looks == new_looks:
            continue
        if before.has_wide(y) or after.has_wide(y):
            # How wide such graphemes are is for the terminal to say: the whole row is
            # written, each of them placed anew.
            runs += _whole_row(y, new, new_looks)
            continue
        x, width = 0, after.width
        while x < width:
            if old[x] == new[x] and (
                old_looks[x] is new_looks[x] or old_looks[x] == new_looks[x]
            ):
                x += 1
                continue
            start, look = x, new_looks[x]
            while x < width and new_looks[x] == look:
                if old[x] == new[x] and old_looks[x] == look:
                    break
                x += 1
            runs.append(Run(y, start, look, "".join(new[start:x]), x))
    return runs


def _whole_row(y: int, texts: list[str], looks: list[Look]) -> list[Run]:
    runs: list[Run] = []
    after = [*texts[1:], " "]
    for x, (text, look, right) in enumerate(zip(texts, looks, after, strict=True)):
        is_narrow = len(text) == 1 and right != ""
        last = runs[-1] if runs else None
        if last is not None and last.end == x and last.look == look and is_narrow:
            runs[-1] = Run(y, last.x, look, last.text + text, x + 1)
        elif text:
            runs.append(Run(y, x, look, text, x + 1 if is_narrow else -1))
    return runs


def encode(runs: list[Run], width: int) -> str:
    """Return the bytes, as text, that write `runs` on a terminal `width` cells wide.

    The terminal writes in the plain look before and after. Runs are written in the
    order that takes fewer bytes: by place, or by look, where switching costs more than
    moving.
    """
    by_place = _encode(runs, width)
    if len({run.look for run in runs}) in (1, len(runs)):
        return by_place
    by_look = _encode(sorted(runs, key=lambda run: (run.look, run.y, run.x)), width)
    return min(by_place, by_look, key=len)


def _encode(runs: Iterable[Run], width: int) -> str:
    parts: list[str] = []
    look, place = PLAIN, _NOWHERE
    for run in runs:
        parts += move(place, (run.x, run.y)), switch(look, run.look), run.text
        look = run.look
        # Past the last column a terminal may stand in it or beyond it.
        place = (run.end, run.y) if 0 <= run.end < width else _NOWHERE
    parts.append(switch(look, PLAIN))
    return "".join(parts)


def move(before: tuple[int, int], after: tuple[int, int]) -> str:
    """Return the shortest sequence that moves the cursor between two cells (x, y).

    Args:
        before: Where it is; negative: not known.
        after: Where it is wanted.
    """
    if before == after:
        return ""
    x, y = after
    direct = f"\x1b[{y + 1};{x + 1}H" if x else f"\x1b[{y + 1}H"
    if before == _NOWHERE:
        return direct
    if before[1] == y:
        return min(direct, f"\x1b[{x + 1}G", _step(x - before[0], "C", "D"), key=len)
    if before[0] == x:
        return min(direct, _step(y - before[1], "B", "A"), key=len)
    return direct


def _step(distance: int, forward: str, backward: str) -> str:
    count = "" if abs(distance) == 1 else str(abs(distance))
    return f"\x1b[{count}{forward if distance > 0 else backward}"
