"""Signs on the screen, and what stands for them where only ASCII can be written."""

import sys
from typing import Final

from tuitrain.events import Severity, Verdict

PASS, WARN, FAIL, UNKNOWN = "✓", "!", "✗", "?"
RUNNING, READY, TODO = "▶", "▷", "·"
MARKED, UNMARKED, CURSOR = "●", "○", "▸"
BAR_DONE, BAR_LEFT = "━", "─"
BAND, POINT, TRACK, TRAIL = "┃", "●", "─", "∙"
TRAIN, VALIDATION, VALIDATION_POINT = "━", "┅", "◦"
BROKEN = "×"
CUT = "↑"
BEST = "★"
EPOCH_LINE, EVENT_LINE, CURSOR_LINE = "┊", "╎", "│"
FOUND = "!"
SHADES = " ░▒▓█"
"""From the worst to the best; with a colour each, and never by colour alone."""
SPARKS = "▁▂▃▄▅▆▇█"
"""Heights of a curve one row high, the lowest first."""

VERDICT_SIGNS: Final = {
    Verdict.PASS: (PASS, "good"),
    Verdict.WARN: (WARN, "warn"),
    Verdict.FAIL: (FAIL, "bad"),
    Verdict.UNKNOWN: (UNKNOWN, "unsure"),
}
"""Sign and role of each verdict."""

SEVERITY_SIGNS: Final = {
    Severity.INFO: ("i", "muted"),
    Severity.LOW: ("·", "muted"),
    Severity.MEDIUM: ("!", "warn"),
    Severity.HIGH: ("!", "warn"),
    Severity.CRITICAL: (FAIL, "bad"),
}
"""Sign and role of each severity."""

_PLAIN: Final = str.maketrans(
    {
        **dict.fromkeys("✓", "+"),
        **dict.fromkeys("✗×", "x"),
        **dict.fromkeys("▶▷▸", ">"),
        **dict.fromkeys("·∙◦", "."),
        **dict.fromkeys("●★", "*"),
        **dict.fromkeys("○", "o"),
        **dict.fromkeys("∅", "0"),
        **dict.fromkeys("━", "="),
        **dict.fromkeys("─┅–—", "-"),
        **dict.fromkeys("░", "."),
        **dict.fromkeys("▒", "-"),
        **dict.fromkeys("▓", "="),
        **dict.fromkeys("▁▂", "_"),
        **dict.fromkeys("▃▄", "-"),
        **dict.fromkeys("▅▆", "="),
        **dict.fromkeys("▇█", "#"),
        **dict.fromkeys("┊╎", ":"),
        **dict.fromkeys("┃│┤├", "|"),
        **dict.fromkeys("┌┐└┘┬┴┼", "+"),
        **dict.fromkeys("…", "~"),
        **dict.fromkeys("°", " "),
        **dict.fromkeys("↑", "^"),
        **dict.fromkeys("↓", "v"),
        **dict.fromkeys("←", "<"),
        **dict.fromkeys("→", ">"),
        **dict.fromkeys("≈", "~"),
        **dict.fromkeys("≤", "<"),
        **dict.fromkeys("≥", ">"),
    }
)


def is_ascii_only() -> bool:
    """Whether the terminal's encoding has no braille, so that only ASCII is written."""
    encoding = getattr(sys.__stderr__, "encoding", None) or "ascii"
    try:
        "⣿✓┤".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return True
    return False


def to_ascii(text: str) -> str:
    """Return `text` in ASCII, as many cells wide as before for every sign of ours."""
    return text.translate(_PLAIN).encode("ascii", "replace").decode("ascii")
