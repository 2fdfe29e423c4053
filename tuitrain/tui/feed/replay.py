"""Plays a recorded study in a thread of its own."""

import threading
from collections.abc import Callable
from pathlib import Path

from tuitrain.clock import SYSTEM_CLOCK, Clock
from tuitrain.events import RecordError
from tuitrain.model import Recording, StudyModel
from tuitrain.sources import StudySource
from tuitrain.store import StoreError
from tuitrain.study import Study
from tuitrain.tui.ahead import ReadAhead
from tuitrain.tui.feed.feed import Feed, Peek, Post
from tuitrain.tui.messages import FeedFailed, Link, LinkChanged, StudyAdvanced
from tuitrain.tui.player import Player

FIRST_BYTES = 1 << 16
"""What is read of a single log before it is shown."""
PATIENCE_S = 0.15
"""A study that takes longer to read is shown while it is read; else it begins to play."""
READING_EVERY_S = 0.5
"""Between two looks at what is read so far: each takes time away from reading."""
PEEK_S = 0.1
"""What the first picture waits for a process that reads ahead, so as not to be drawn of
the beginning only and at once again."""
AHEAD_S = 1.0
"""Left to a process that reads ahead, before what it has is taken and read on from."""
DRAW_S = 1.0
"""Left to the screen at most before reading goes on, for both share one interpreter."""


class ReplayFeed(Feed):
    """Posts the study as it was, moment by moment."""

    def __init__(
        self,
        path: Path,
        *,
        ahead: ReadAhead | None = None,
        refresh_s: float = 0.25,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """Prepare to replay the study or log at `path`, which `ahead` reads already."""
        self._path = path
        self._ahead = ahead
        self._refresh_s = refresh_s
        self._clock = clock
        self._wake = threading.Condition()
        self._wishes: list[Callable[[Player], None]] = []
        self._is_drawn = self._is_stopped = False
        self._source: StudySource | None = None
        self._peeked: StudyModel | None = None
        self._recording = Recording()

    def peek(self) -> Peek | None:
        """Read what the first picture shows, before `run`.

        Returns:
            All of a single log if it is read already, else what it begins with; None:
            it is the folder of a study, which is read and played by `run`, or it can't
            be read, which `run` will tell.
        """
        try:
            source = StudySource(self._path)
            if source.is_study:  # the screen would wait for a bite of every trial
                return None
            if self._ahead is not None and self._ahead.is_done(PEEK_S):
                is_whole = self._take_ahead()
            else:
                self._recording.add(source.read(FIRST_BYTES))
                self._source, is_whole = source, False
        except (StoreError, RecordError):
            self._recording = Recording()
            return None
        model = self._recording.whole
        if model.runs or not model.trials:  # a journal by another name is played, too
            return None
        if not is_whole:
            link = Link(is_replay=True, is_reading=True)
            return Peek(Study(model, is_partial=True), link)
        self._peeked = model
        return Peek(Study(model), _link_to(_play(self._recording)))

    def run(self, post: Post) -> None:
        """Read everything, then play until `stop`; runs in a thread."""
        try:
            recording = self._read(post)
        except (StoreError, RecordError) as error:
            post(FeedFailed(str(error)))
            return
        player = _play(recording)
        _tell(player, post, self._peeked)
        shown_s = self._clock.mono_s()
        while (wishes := self._wait(player)) is not None:
            for wish in wishes:
                wish(player)
            now_s = self._clock.mono_s()
            moved = player.advance(now_s - shown_s)
            shown_s = now_s
            if moved or wishes:
                _tell(player, post)

    def wish(self, wish: Callable[[Player], None]) -> None:
        """Have `wish` done to the player, from any thread."""
        with self._wake:
            self._wishes.append(wish)
            self._wake.notify()

    def go_on(self) -> None:
        """What was posted last is drawn: read on."""
        with self._wake:
            self._is_drawn = True
            self._wake.notify()

    def stop(self) -> None:
        """End `run`."""
        with self._wake:
            self._is_stopped = True
            self._wake.notify()

    def _read(self, post: Post) -> Recording:
        """Read all there is, and show what is read if it takes long."""
        self._take_ahead()
        if self._source is None:
            self._source = StudySource(self._path)
            self._recording.add(self._source.read(FIRST_BYTES))
        source, recording = self._source, self._recording
        told_s = float("-inf")
        if recording.whole.runs:
            told_s = self._clock.mono_s() + PATIENCE_S - READING_EVERY_S
        while not self._is_stopped and (records := source.read()):
            now_s = self._clock.mono_s()
            if now_s - told_s >= READING_EVERY_S:
                self._is_drawn = False
                post(StudyAdvanced(Study(recording.whole, is_partial=True)))
                post(LinkChanged(Link(is_replay=True, is_reading=True)))
                self._wait_until_drawn()
                told_s = self._clock.mono_s()
            recording.add(records)
        return recording

    def _take_ahead(self) -> bool:
        """Have what was read ahead, once; return whether there is anything."""
        ahead, self._ahead = self._ahead, None
        if ahead is None or (read := ahead.take(AHEAD_S)) is None:
            return False
        self._source, self._recording = read
        return True

    def _wait_until_drawn(self) -> None:
        with self._wake:
            self._wake.wait_for(lambda: self._is_drawn or self._is_stopped, DRAW_S)

    def _wait(self, player: Player) -> list[Callable[[Player], None]] | None:
        """Wait for a wish or the next frame; None: it is over."""
        with self._wake:
            if not self._wishes and not self._is_stopped:
                # A paused film needs no frames: nothing is done until a key is pressed.
                self._wake.wait(self._refresh_s if player.is_playing else None)
            wishes, self._wishes = self._wishes, []
            return None if self._is_stopped else wishes


def _play(recording: Recording) -> Player:
    """Return a player of a whole recording, where it begins.

    A study is played from its start. In a single log nothing happens but points, so it
    is shown whole.
    """
    player = Player(recording)
    if not recording.whole.runs:
        player.seek_end()
    return player


def _tell(player: Player, post: Post, shown: StudyModel | None = None) -> None:
    """Post what the player shows; not the model where it is `shown` already."""
    if player.model is not shown:
        post(StudyAdvanced(Study(player.model)))
    post(LinkChanged(_link_to(player)))


def _link_to(player: Player) -> Link:
    return Link(
        is_replay=True,
        is_playing=player.is_playing,
        speed=player.speed,
        position_s=player.position_s,
        length_s=player.length_s,
        place=player.place,
    )
