"""What happened, as panes, screens and feeds tell it to the app."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from tuitrain.commands import Command
from tuitrain.study import Study
from tuitrain.tui.player import Player

if TYPE_CHECKING:
    from tuitrain.tui.screens.reading import ReadingScreen


@dataclass(frozen=True)
class Link:
    """Where the study on the screen comes from, and how well."""

    is_replay: bool = False
    problem: str = ""
    """What keeps news away: connection lost, unreadable file; empty: nothing."""
    is_reading: bool = False
    """The recording is not yet read to its end."""
    is_playing: bool = False
    speed: float = 1.0
    position_s: float = 0.0
    """Recorded time shown so far."""
    length_s: float = 0.0
    """Recorded time in all."""
    place: str = ""
    """What is found at the moment that was gone to; empty: nothing was asked for."""


@dataclass
class StudyAdvanced(Message):
    """A newer study is ready to be drawn."""

    study: Study

    def can_replace(self, message: Message) -> bool:
        """A study holds the whole past, so only the newest is worth drawing."""
        return isinstance(message, StudyAdvanced)


@dataclass
class LinkChanged(Message):
    """The connection was lost or found, or the replay moved."""

    link: Link

    def can_replace(self, message: Message) -> bool:
        """Only how it is now matters."""
        return isinstance(message, LinkChanged)


@dataclass
class FeedFailed(Message):
    """Nothing more can be read; says why and what to do."""

    reason: str


@dataclass
class CommandGiven(Message):
    """A person asked the supervisor for something."""

    command: Command


@dataclass
class CommandAnswered(Message):
    """The supervisor took a command or refused it."""

    accepted: bool
    message: str


@dataclass
class PlayerWished(Message):
    """A person wants the replay to go elsewhere, faster, or to stop."""

    wish: Callable[[Player], None]


@dataclass
class ScreenWanted(Message):
    """A person wants another screen, which is shown the study too."""

    screen: "ReadingScreen"


@dataclass
class PictureWanted(Message):
    """A person wants the screen as a file."""


@dataclass
class LeaveWanted(Message):
    """A person wants to leave; the study goes on unless `stops_study` is set."""

    stops_study: bool = False


@dataclass
class HintGiven(Message):
    """A key could do nothing now; says what can be done instead."""

    text: str
