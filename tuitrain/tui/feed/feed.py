"""What the app knows of whatever feeds it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

from textual.message import Message

from tuitrain.commands import Command
from tuitrain.study import Study
from tuitrain.tui.messages import Link
from tuitrain.tui.player import Player

Post = Callable[[Message], object]
"""Hands a message to the app, from any thread."""


class Peek(NamedTuple):
    """What a first picture shows."""

    study: Study
    link: Link


class Feed(ABC):
    """Posts a study, and what becomes of it, until it is stopped."""

    def peek(self) -> Peek | None:
        """Return what the first picture shows, before `run`; None: not known yet."""
        return None

    @abstractmethod
    def run(self, post: Post) -> None:
        """Post until `stop`; runs in a thread."""

    @abstractmethod
    def stop(self) -> None:
        """End `run`; may be called from any thread."""

    def go_on(self) -> None:
        """What was posted last is drawn."""
        return

    def ask(self, command: Command) -> tuple[bool, str] | None:
        """Pass on a command, from any thread but that of `run`.

        Returns:
            Whether it was accepted, and what was said to it; None: there is nobody to
            ask.
        """
        del command
        return None

    def wish(self, wish: Callable[[Player], None]) -> None:
        """Have `wish` done to the player, from any thread, if there is one."""
        del wish
