"""The app around the home screen; it ends with what was chosen."""

from collections.abc import Callable
from pathlib import Path, PurePath
from typing import ClassVar

from textual import on

from tuitrain.store import StudyFolder
from tuitrain.tui.base_app import BaseApp
from tuitrain.tui.manners import Terms
from tuitrain.tui.screens.home import Choice, HomeScreen, StudyChosen


class HomeApp(BaseApp[Choice]):
    """Lists studies; returns the chosen one, None to leave."""

    CSS_PATH: ClassVar[list[str | PurePath]] = ["screens/screens.tcss"]

    def __init__(
        self,
        root: Path,
        is_running: Callable[[StudyFolder], bool],
        terms: Terms | None = None,
    ) -> None:
        """Return an app that lists the studies below `root`."""
        super().__init__(terms)
        self._root = root
        self._is_running = is_running

    def on_mount(self) -> None:
        """Show the list."""
        self.begin()
        self.push_screen(HomeScreen(self._root, self._is_running))

    @on(StudyChosen)
    def end(self, message: StudyChosen) -> None:
        """End with the choice."""
        self.exit(message.choice)
