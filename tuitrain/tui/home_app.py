"""The app around the home screen; it ends with what was chosen."""

from collections.abc import Callable
from pathlib import Path, PurePath
from typing import ClassVar

from textual import on
from textual.app import App

from tuitrain.store import StudyFolder
from tuitrain.tui.glyphs import is_ascii_only
from tuitrain.tui.manners import choose_theme, keep_manners
from tuitrain.tui.screens.home import Choice, HomeScreen, StudyChosen


class HomeApp(App[Choice]):
    """Lists studies; returns the chosen one, None to leave."""

    CSS_PATH: ClassVar[list[str | PurePath]] = ["screens/screens.tcss"]
    TITLE = "tuitrain"
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, root: Path, is_running: Callable[[StudyFolder], bool]) -> None:
        """Return an app that lists the studies below `root`."""
        super().__init__()
        self.theme = choose_theme(self.theme)
        self._root = root
        self._is_running = is_running

    def on_mount(self) -> None:
        """Show the list."""
        keep_manners(self)
        self.set_class(is_ascii_only(), "-ascii")
        self.push_screen(HomeScreen(self._root, self._is_running))

    @on(StudyChosen)
    def end(self, message: StudyChosen) -> None:
        """End with the choice."""
        self.exit(message.choice)
