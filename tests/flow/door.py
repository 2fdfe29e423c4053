"""A launcher for tests, with all that it ever told."""

from tests.flow.trials import find_end, find_start
from tests.flow.waiting import wait_for
from tuitrain.events import TrialEnded, TrialStarted
from tuitrain.launch import Launcher, LaunchNews
from tuitrain.store import TrialFolder


class Door:
    """A launcher with all the news it ever had."""

    def __init__(self) -> None:
        self.launcher = Launcher("digits")
        self.news: list[LaunchNews] = []

    def poll(self) -> list[LaunchNews]:
        self.news += self.launcher.poll()
        return self.news

    def find(self, kind: type[LaunchNews]) -> LaunchNews | None:
        return next((news for news in self.poll() if isinstance(news, kind)), None)

    def finish(self, folder: TrialFolder) -> TrialEnded:
        def look() -> TrialEnded | None:
            self.poll()
            return find_end(folder)

        ended = wait_for(look, f"the end of {folder.path}")
        assert ended is not None
        return ended

    def begin(self, folder: TrialFolder) -> TrialStarted:
        def look() -> TrialStarted | None:
            self.poll()
            return find_start(folder)

        started = wait_for(look, f"the start of {folder.path}")
        assert started is not None
        return started
