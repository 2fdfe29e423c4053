"""The app: composes the screens and routes messages between them and the feed."""

from collections.abc import Callable
from pathlib import Path, PurePath
from typing import ClassVar

from textual import on, work
from textual.reactive import var

from tuitrain.commands import Command, StopStudy
from tuitrain.events import TrialId
from tuitrain.study import Study
from tuitrain.tui.base_app import BaseApp
from tuitrain.tui.feed import Feed
from tuitrain.tui.messages import (
    CommandAnswered,
    CommandGiven,
    FeedFailed,
    HintGiven,
    LeaveWanted,
    Link,
    LinkChanged,
    PictureWanted,
    PlayerWished,
    ScreenWanted,
    StudyAdvanced,
)
from tuitrain.tui.screens.main import MainScreen
from tuitrain.tui.terms import Terms


class TuitrainApp(BaseApp[str]):
    """Shows one study, live or replayed; returns how it was left."""

    CSS_PATH: ClassVar[list[str | PurePath]] = ["screens/screens.tcss"]

    study: var[Study | None] = var(None, init=False, always_update=True)
    link: var[Link] = var(Link(), init=False)

    def __init__(
        self,
        feed: Feed,
        find_log: Callable[[TrialId], Path],
        terms: Terms | None = None,
    ) -> None:
        """Return an app that shows what `feed` posts."""
        super().__init__(terms)
        self.feed = feed
        self._find_log = find_log
        self.problem = ""
        """Why the app ended by itself; empty: a person left it."""

    def get_default_screen(self) -> MainScreen:
        """Return the main screen: with another one below, there are two to lay out."""
        screen = MainScreen(self._find_log, self._begin_to_read)
        return screen.data_bind(TuitrainApp.study, TuitrainApp.link)

    def on_mount(self) -> None:
        """Take care of the terminal."""
        self.begin()

    def _begin_to_read(self) -> None:
        """Read, now that there are panes; none of them is drawn empty first."""
        if peek := self.feed.peek():
            self.study, self.link = peek
        self.follow()

    def on_unmount(self) -> None:
        """Let the feed's thread end."""
        self.feed.stop()

    @work(thread=True, exclusive=True, group="feed")
    def follow(self) -> None:
        """Read the study in a thread, and post what it became."""
        self.feed.run(self.post_message)

    @work(thread=True, group="ask")
    def ask(self, command: Command) -> None:
        """Ask the supervisor in a thread, and post what it said."""
        if answer := self.feed.ask(command):
            self.post_message(CommandAnswered(*answer))

    @on(StudyAdvanced)
    def show_study(self, message: StudyAdvanced) -> None:
        """Hand the newer study down."""
        self.study = message.study
        self.call_after_refresh(self.feed.go_on)

    @on(LinkChanged)
    def show_link(self, message: LinkChanged) -> None:
        """Hand down how the study is connected."""
        if message.link.place and message.link.place != self.link.place:
            self.say(f"found: {message.link.place}")
        self.link = message.link

    @on(ScreenWanted)
    def open_screen(self, message: ScreenWanted) -> None:
        """Show another screen over this one."""
        self.push_screen(message.screen.data_bind(TuitrainApp.study))

    @on(CommandGiven)
    def pass_on(self, message: CommandGiven) -> None:
        """Pass a command to the supervisor."""
        self.ask(message.command)

    @on(CommandAnswered)
    def show_answer(self, message: CommandAnswered) -> None:
        """Say what the supervisor refused; what it did shows by itself."""
        if not message.accepted:
            self.say(message.message or "refused", is_problem=True)

    @on(PlayerWished)
    def move_replay(self, message: PlayerWished) -> None:
        """Move the replay."""
        self.feed.wish(message.wish)

    @on(HintGiven)
    def show_hint(self, message: HintGiven) -> None:
        """Say why a key did nothing."""
        self.say(message.text)

    @on(FeedFailed)
    def give_up(self, message: FeedFailed) -> None:
        """End with the reason; there is nothing to show."""
        self.problem = message.reason
        self.exit("failed", return_code=2)

    @on(LeaveWanted)
    def leave(self, message: LeaveWanted) -> None:
        """Leave, and stop the study first if that is wanted."""
        if message.stops_study:
            self.stop_and_leave()
        else:
            self.exit("left")

    @work(thread=True, group="ask")
    def stop_and_leave(self) -> None:
        """Ask the supervisor to stop everything, then leave."""
        answer = self.feed.ask(StopStudy())
        if answer is None:
            return
        if answer[0]:
            self.call_from_thread(self.exit, "stopped")
        else:
            self.post_message(CommandAnswered(*answer))

    @on(PictureWanted)
    def save_picture(self) -> None:
        """Write the screen as SVG into the current folder."""
        try:
            path = self.save_screenshot()
        except OSError as error:
            self.say(
                f"the picture can't be written ({error.strerror})", is_problem=True
            )
        else:
            self.say(f"saved as {path}")
