"""The app around the home screen; it ends with what was chosen."""

from collections.abc import Callable
from pathlib import Path, PurePath
from typing import ClassVar

from textual import on

from tuitrain.clock import SYSTEM_CLOCK, Clock
from tuitrain.store import StudyFolder
from tuitrain.tui.base_app import BaseApp
from tuitrain.tui.screens.home import Choice, HomeScreen, StudyChosen
from tuitrain.tui.studies import Shelf
from tuitrain.tui.terms import Terms


class HomeApp(BaseApp[Choice]):
    """Lists studies; returns the chosen one, None to leave."""

    CSS_PATH: ClassVar[list[str | PurePath]] = ["screens/screens.tcss"]

    def __init__(
        self,
        root: Path,
        is_running: Callable[[StudyFolder], bool],
        terms: Terms | None = None,
        *,
        notice: str = "",
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """Return an app that lists the studies below `root`, and begins with a notice."""
        super().__init__(terms)
        self._root = root
        self._shelf = Shelf(root, is_running)
        self._notice = notice
        self._clock = clock

    def on_mount(self) -> None:
        """Show the list."""
        self.begin()
        self.push_screen(HomeScreen(self._root, self._shelf, self._clock))
        if self._notice:
            self.say(self._notice, is_problem=True)

    @on(StudyChosen)
    def end(self, message: StudyChosen) -> None:
        """End with the choice."""
        self.exit(message.choice)
