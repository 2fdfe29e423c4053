"""Looks of a cell, and the shortest way to switch from one to another."""

from functools import lru_cache
from typing import Final, NamedTuple


class Look(NamedTuple):
    """Colours and attributes, each as the parameter by which it is switched on."""

    foreground: str = ""
    """Empty: the terminal's own."""
    background: str = ""
    """Empty: the terminal's own."""
    attributes: tuple[str, ...] = ()
    """Bold, dim, underline, …, in order."""

    @property
    def is_seen_on_blanks(self) -> bool:
        """Whether a blank shows more than the background."""
        return bool(_SEEN_ON_BLANKS.intersection(self.attributes))


PLAIN: Final = Look()
"""What a terminal starts with."""

_OFF: Final = {
    **dict.fromkeys(("1", "2"), "22"),
    "3": "23",
    **dict.fromkeys(("4", "21"), "24"),
    **dict.fromkeys(("5", "6"), "25"),
    "7": "27",
    "8": "28",
    "9": "29",
    "53": "55",
}
"""What switches an attribute off again; bold and dim go together."""
_SEEN_ON_BLANKS: Final = frozenset(("4", "21", "7", "9", "53"))
_EXTENDED: Final = {"5": 3, "2": 5}
"""Parameters that a colour of 256, or one of 16 million, takes after its 38 or 48."""


@lru_cache(maxsize=4096)
def follow_sgr(parameters: str, before: Look) -> Look:
    """Return the look after a select-graphic-rendition sequence with `parameters`."""
    codes = parameters.split(";")
    foreground, background, attributes = before
    at = 0
    while at < len(codes):
        code, size = codes[at] or "0", 1
        if code in ("38", "48"):
            size = _EXTENDED.get("".join(codes[at + 1 : at + 2]), 1)
            colour = ";".join(codes[at : at + size])
            foreground, background = (
                (colour, background) if code == "38" else (foreground, colour)
            )
        elif code == "0":
            foreground, background, attributes = PLAIN
        elif code in ("39", "49"):
            foreground = "" if code == "39" else foreground
            background = "" if code == "49" else background
        elif (len(code) == 2 and code[0] in "39") or (len(code) == 3 and code < "100"):
            foreground = code
        elif (code[0] == "4" and len(code) == 2) or len(code) == 3:
            background = code
        elif code in _OFF:
            attributes = tuple(sorted({*attributes, code}))
        else:
            attributes = tuple(a for a in attributes if _OFF[a] != code)
        at += size
    return Look(foreground, background, attributes)


@lru_cache(maxsize=4096)
def switch(before: Look, after: Look) -> str:
    """Return the shortest sequence after which a terminal writes in the look `after`."""
    if before == after:
        return ""
    on = [part for part in (*after.attributes, *after[:2]) if part]
    fresh = f"\x1b[{';'.join(['0', *on]) if on else ''}m"
    stale = [a for a in before.attributes if a not in after.attributes]
    off = sorted({_OFF[a] for a in stale})
    changes = off + [
        a for a in after.attributes if a not in before.attributes or _OFF[a] in off
    ]
    if before.foreground != after.foreground:
        changes.append(after.foreground or "39")
    if before.background != after.background:
        changes.append(after.background or "49")
    return min(fresh, f"\x1b[{';'.join(changes)}m", key=len)
