"""The last line: the keys worth knowing now."""

from collections.abc import Callable, Sequence

from textual.reactive import var

from tuitrain.study import Study
from tuitrain.tui.keys import MAIN_KEYS, REPLAY_KEYS, Key
from tuitrain.tui.lines import Line, Span, line, width_of
from tuitrain.tui.lines_pane import LinesPane
from tuitrain.tui.messages import Link
from tuitrain.tui.wishes import name_of_next

_ORDER = (
    *(
        "enter",
        "n",
        "p",
        "m",
        "t",
        "l",
        "g",
        "e",
        "c",
        "/",
        "y",
        "w",
        "i",
        "[",
        "A",
        "d",
        "s",
        "r",
        "x",
        "z",
        "u",
    ),
    *("?", "q"),
)
_REPLAY_ORDER = (
    *("space", "+", "-", "←", "→", ",", ".", ">", "end", "m", "t", "l", "g", "y"),
    *("w", "i", "[", "x"),
    *("?", "q"),
)


class KeyBar(LinesPane):
    """One line of keys, from the list that also makes the bindings."""

    study: var[Study | None] = var(None, init=False, always_update=True)
    link: var[Link] = var(Link(), init=False)

    def watch_study(self) -> None:
        """Name what enter does now."""
        self.redraw()

    def watch_link(self) -> None:
        """Show the keys of a replay, or those of a study."""
        self.redraw()

    def draw(self, width: int, height: int) -> Sequence[Line]:
        """Return as many keys as fit."""
        keys = {key.shown: key for key in (*MAIN_KEYS, *REPLAY_KEYS)}
        order = _REPLAY_ORDER if self.link.is_replay else _ORDER
        return [key_line([keys[shown] for shown in order], width, self._label)]

    def _label(self, key: Key) -> str:
        if key.action == "go_on":
            return name_of_next(self.study)
        return key.label


def key_line(
    keys: Sequence[Key], width: int, label: Callable[[Key], str] = lambda key: key.label
) -> Line:
    """Return keys and their words in one row; a key without a word is left out.

    The two last ones are always there, since they lead to all others; before them,
    as many of the rest as fit.
    """
    rows = [
        line((key.shown, "accent"), (f" {word}  ", "muted"))
        for key in keys
        if (word := label(key))
    ]
    last = rows[-2:]
    left = width + 1 - sum(width_of(row) for row in last)
    shown: list[Span] = [(" ", "")]
    for row in rows[:-2]:
        if width_of(row) > left:
            break
        shown += row
        left -= width_of(row)
    (text, role) = last[-1][-1]
    spans = [*shown, *(span for row in last for span in row)]
    return line(*spans[:-1], (text.rstrip(), role))
