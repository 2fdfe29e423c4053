"""Driving the screen in tests: apps, a supervisor's stand-in, and a way to wait."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from textual.pilot import Pilot

from tuitrain.commands import Command
from tuitrain.tui.app import TuitrainApp
from tuitrain.tui.feed.live import LiveFeed
from tuitrain.tui.feed.replay import ReplayFeed
from tuitrain.tui.run import find_log
from tuitrain.wire import Answered, ConnectionLostError, Relayed

DEADLINE_S = 30.0
STEP_S = 0.02


async def until(pilot: Pilot[Any], condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds, and one more refresh; fail at the deadline."""
    for _ in range(round(DEADLINE_S / STEP_S)):
        if condition():
            await pilot.pause()
            return
        await pilot.pause(STEP_S)
    raise AssertionError("the condition never came to hold")


def replay_app(path: Path) -> TuitrainApp:
    """An app that replays `path`."""
    return TuitrainApp(ReplayFeed(path), lambda trial: find_log(path, trial))


async def show_end(app: TuitrainApp, pilot: Pilot[str]) -> None:
    """Go to the end of a replay and wait until it is drawn."""
    await until(pilot, lambda: app.link.is_replay)
    await pilot.press("end")
    await until(pilot, lambda: app.link.position_s == app.link.length_s)


class FakeWire:
    """A supervisor's end that remembers what it is asked and relays what it is given."""

    def __init__(self, *, refusal: str = "") -> None:
        self.asked: list[Command] = []
        self.refusal = refusal
        self.trouble = ""
        self.is_lost = False
        self._relayed: list[Relayed] = []
        self._news = threading.Condition()

    def ask(self, command: Command) -> Answered:
        if self.is_lost:
            raise ConnectionLostError("gone")
        self.asked.append(command)
        return Answered(id=1, accepted=not self.refusal, message=self.refusal)

    def receive(self, timeout_s: float) -> list[Relayed]:
        with self._news:
            self._news.wait_for(lambda: self.is_lost or self._relayed, timeout_s)
            if self.is_lost:
                raise ConnectionLostError("gone")
            relayed, self._relayed = self._relayed, []
            return relayed

    def close(self) -> None:
        self.lose()

    def relay(self, stream: str, line: bytes) -> None:
        with self._news:
            raw = msgspec.Raw(line.removesuffix(b"\n"))
            self._relayed.append(Relayed(stream=stream, record=raw))
            self._news.notify()

    def lose(self) -> None:
        with self._news:
            self.is_lost = True
            self._news.notify()


def live_app(path: Path, wire: FakeWire) -> TuitrainApp:
    """An app that follows the study at `path` through `wire`."""
    feed = LiveFeed(path, lambda _: wire, refresh_s=0.02)
    return TuitrainApp(feed, lambda trial: find_log(path, trial))
