"""What both apps share: theme, manners, the command palette, pictures as files."""

import gc
import os
import re
from collections.abc import Callable, Iterable
from typing import ClassVar, Final, Generic, TypeVar

from rich.style import Style
from textual.app import App
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.driver import Driver

from tuitrain.tui.glyphs import is_ascii_only, to_ascii
from tuitrain.tui.keys import ALL_KEYS, Key
from tuitrain.tui.lines import ROLES, plain
from tuitrain.tui.manners import choose_theme, keep_manners
from tuitrain.tui.terminal import spare
from tuitrain.tui.terms import Terms

_Result = TypeVar("_Result")
_FONT_RULE = re.compile(r"\s*@font-face\s*\{[^}]*\}")

STARTED_S: Final = 1.0
"""Time that a first picture may take; where it takes longer, a look for garbage is little."""
OBJECTS_ONCE_STARTED: Final = 10_000
"""New ones between two collections: each takes milliseconds that a key waits for."""

Offer = tuple[str, str, Callable[[], object]]
"""What the palette offers: a title, a sentence, and what is done."""


def without_web_fonts(svg: str) -> str:
    """Return a picture that asks no web host for its letters.

    Where the named font is not installed, the browser's own monospace is taken.
    """
    return _FONT_RULE.sub("", svg)


def _look_for_garbage() -> None:
    """Collect from now on, where a start has put it off, but not what it has made."""
    if not gc.isenabled():
        gc.freeze()
        gc.set_threshold(OBJECTS_ONCE_STARTED)
        gc.enable()


class KeyCommands(Provider):
    """Offers what the keys of the shown screen do, and the themes by name."""

    async def discover(self) -> Hits:
        """Yield everything, as long as nothing is typed."""
        for title, sentence, do in self._offers():
            yield DiscoveryHit(title, do, help=sentence)

    async def search(self, query: str) -> Hits:
        """Yield what matches the typed text."""
        matcher = self.matcher(query)
        for title, sentence, do in self._offers():
            score = max(matcher.match(title), matcher.match(sentence))
            if score > 0:
                yield Hit(score, matcher.highlight(title), do, help=sentence)

    def _offers(self) -> Iterable[Offer]:
        known = {key.action: key for key in reversed(ALL_KEYS)}
        # Keys that do the same, such as the digits, are offered once.
        offered: set[str] = set()
        for active in self.screen.active_bindings.values():
            key = known.get(active.binding.action)
            if key is not None and key.help not in offered:
                offered.add(key.help)
                yield self._offer(key)
        for name in sorted(self.app.available_themes):
            yield f"theme {name}", "Dress the screen in it.", _dresser(self.app, name)

    def _offer(self, key: Key) -> Offer:
        screen = self.screen

        async def do() -> None:
            await screen.run_action(key.action)

        return f"{key.help.rstrip('.')} ({key.shown})", "", do


def _dresser(app: App[object], name: str) -> Callable[[], None]:
    def dress() -> None:
        app.theme = name

    return dress


class BaseApp(App[_Result], Generic[_Result]):
    """An app that behaves towards its terminal, and knows how roles look.

    The roles are dressed here once: if each pane had them as classes of its own, most of
    the time until the first picture would go into styles that are all the same.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"role--{role}" for role in ROLES}
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {
        KeyCommands
    }
    TITLE = "tuitrain"

    def __init__(self, terms: Terms | None = None) -> None:
        """Return an app that takes the terminal on these terms."""
        # Without colours: none at all, instead of a grey for each of them.
        super().__init__(ansi_color=True if "NO_COLOR" in os.environ else None)
        self.is_covered = False
        """Whether the terminal shows a first glance, on a screen of its own already."""
        self._role_styles: dict[str, Style] = {}
        wanted = terms.theme if terms is not None else None
        self.theme = wanted or choose_theme(self.theme)

    def get_driver_class(self) -> type[Driver]:
        """Return what takes input and output of this machine's terminals."""
        return spare(super().get_driver_class())

    def role_style(self, role: str) -> Style:
        """Return what a role adds to the style of the pane in which it is written."""
        style = self._role_styles.get(role)
        if style is None:
            styles = self.get_component_styles(f"role--{role}")
            whole = styles.rich_style
            # What is behind the text is the pane's, unless the role has its own.
            behind = whole.bgcolor if styles.has_rule("background") else None
            front = whole.color if styles.has_any_rules("color", "auto_color") else None
            style = Style(color=front, bgcolor=behind) + styles.text_style
            self._role_styles[role] = style
        return style

    def notify_style_update(self) -> None:
        """Forget how roles looked, and have the panes drawn anew."""
        super().notify_style_update()
        self._role_styles.clear()
        for screen in self.screen_stack:
            for pane in screen.query("LinesPane"):
                pane.notify_style_update()
                pane.refresh()

    def begin(self) -> None:
        """Restore the terminal whatever happens, and learn what it can write."""
        keep_manners(self)
        self.set_class(is_ascii_only(), "-ascii")
        self.set_timer(STARTED_S, _look_for_garbage)

    def export_screenshot(
        self, *, title: str | None = None, simplify: bool = False
    ) -> str:
        """Return the screen as an SVG picture that stands on its own."""
        svg = super().export_screenshot(title=title, simplify=simplify)
        return without_web_fonts(svg)

    def say(self, text: str, *, is_problem: bool = False) -> None:
        """Show a line for a few seconds, as inert text."""
        shown = plain(text)
        self.notify(
            to_ascii(shown) if self.has_class("-ascii") else shown,
            severity="warning" if is_problem else "information",
            markup=False,
        )
