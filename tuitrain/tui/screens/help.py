"""All keys, from the list that makes the bindings."""

from collections.abc import Sequence

from tuitrain.tui.keys import KeyGroup, help_rows
from tuitrain.tui.lines import BLANK, Line, line, pad, wrap
from tuitrain.tui.screens.reading import ReadingScreen

_KEY_WIDTH = 12

_SIGNS = (
    "✓ pass   ! warning   ✗ fail   ? can't be judged   ▶ runs   ▷ ready   · not reached",
    "● drawn   ○ not drawn   ★ best   A B C the trials, the same letter in table and plot",
    "━ training   ┅ validation   ◦ a validation point",
    "× not finite from here (NaN, Inf)   ↑ a spike beyond the axis, with its value",
    "★ best value of the chosen trial   ╎ the LR changed, or ! something was found"
    "   ┊ end of an epoch   ≈ moving mean",
)


class HelpScreen(ReadingScreen):
    """Keys and signs."""

    def title_text(self) -> str:
        """Return the title."""
        return "help"

    def rows(self, width: int) -> Sequence[Line]:
        """Return keys by group, then the signs."""
        rows: list[Line] = []
        for group in KeyGroup:
            rows.append(line((group.value, "title")))
            for shown, sentence in help_rows(group):
                first = line("  ", (pad(shown, _KEY_WIDTH), "accent"))
                rows += wrap(sentence, width, first=first, indent=_KEY_WIDTH + 2)
            rows.append(BLANK)
        rows.append(line(("Signs", "title")))
        for signs in _SIGNS:
            rows += wrap(signs, width, first=line("  "), indent=2)
        return rows
