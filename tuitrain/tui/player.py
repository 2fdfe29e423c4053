"""A recorded study as a film: position, speed, play and seek; no thread, no clock."""

from collections.abc import Sequence
from functools import cached_property

from tuitrain.events import Finding, TrialEnded, TrialFinished, VerdictReached
from tuitrain.model import SCENES, Recording, StudyModel
from tuitrain.study import Study

USUAL_LENGTH_S = 20.0
"""How long a replay lasts at the speed it starts with."""
SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 125.0, 250.0, 500.0, 1000.0)
"""Recorded seconds a second."""


class Player:
    """Moves the moment of a recording that is shown."""

    def __init__(self, recording: Recording) -> None:
        """Stand at the start of a recording to which nothing more is added."""
        self._recording = recording
        self._start_s = recording.start_s or 0.0
        self.model = StudyModel()
        self.position_s = 0.0
        self.is_playing: bool = True
        self.speed = self._usual_speed()
        self.place = ""
        """Which finding was gone to; empty: none, or the replay has moved since."""

    @property
    def length_s(self) -> float:
        """Recorded time from the first event to the last."""
        end_s = self._recording.end_s
        return end_s - self._start_s if end_s is not None else 0.0

    @property
    def is_at_end(self) -> bool:
        """Whether every event is shown."""
        return self.model is self._recording.whole or self._recording.end_s is None

    def advance(self, passed_s: float) -> bool:
        """Play `passed_s` seconds of real time; return whether anything moved."""
        if not self.is_playing or self.is_at_end:
            return False
        self.place = ""
        self._show(min(self.length_s, self.position_s + passed_s * self.speed))
        self.is_playing = not self.is_at_end
        return True

    def toggle(self) -> None:
        """Play or pause; at the end, play from the start."""
        if self.is_at_end:
            self._show(0.0)
            self.is_playing = True
        else:
            self.is_playing = not self.is_playing

    def change_speed(self, direction: int) -> None:
        """Take the next faster (+1) or slower (-1) speed."""
        faster = [speed for speed in SPEEDS if speed > self.speed * 1.001]
        slower = [speed for speed in SPEEDS if speed < self.speed * 0.999]
        if direction > 0 and faster:
            self.speed = faster[0]
        if direction < 0 and slower:
            self.speed = slower[-1]

    def seek_scene(self, direction: int) -> None:
        """Go to the next (+1) or the former (-1) step, start or verdict."""
        self._go_to_next(self._scenes(), direction)

    def seek_finding(self, direction: int) -> None:
        """Go to the next (+1) or the former (-1) moment at which something was found."""
        self._go_to_next([at_s for at_s, _ in self._findings], direction)
        found = [text for at_s, text in self._findings if at_s == self.position_s]
        self.place = ", ".join(found)

    def seek_by(self, seconds: float) -> None:
        """Go on or back by some recorded seconds, and play on if it plays."""
        self.place = ""
        self._show(max(0.0, min(self.length_s, self.position_s + seconds)))

    def seek(self, position_s: float) -> None:
        """Show the moment `position_s` after the first event, and stop there."""
        self.place = ""
        self._show(max(0.0, min(self.length_s, position_s)))
        self.is_playing = False

    def seek_end(self) -> None:
        """Show everything, and stop."""
        self.seek(self.length_s)

    def seek_start(self) -> None:
        """Go back to the first moment."""
        self.place = ""
        self._show(0.0)

    def _scenes(self) -> list[float]:
        return [
            record.at_s - self._start_s
            for record in self._recording.events
            if isinstance(record.event, SCENES)
        ]

    @cached_property
    def _findings(self) -> list[tuple[float, str]]:
        """Moments with findings, in order: of trials at their end, of verdicts."""
        moments = []
        for record in self._recording.events:
            event = record.event
            found: Sequence[Finding] = ()
            if isinstance(event, VerdictReached):
                found = event.findings
            elif isinstance(event, TrialFinished | TrialEnded):
                found = Study(self._recording.at(record.at_s)).findings(event.trial)
            if found:
                moments.append((record.at_s - self._start_s, _name(found)))
        return moments

    def _go_to_next(self, moments: Sequence[float], direction: int) -> None:
        self.place = ""
        if direction > 0:
            later = [at_s for at_s in moments if at_s > self.position_s + 1e-6]
            self._show(later[0] if later else self.length_s)
        else:
            former = [at_s for at_s in moments if at_s < self.position_s - 1e-6]
            self._show(former[-1] if former else 0.0)

    def _show(self, position_s: float) -> None:
        whole, is_end = self._recording.whole, position_s >= self.length_s
        self.model = whole if is_end else self._recording.at(self._start_s + position_s)
        self.position_s = position_s

    def _usual_speed(self) -> float:
        wanted = self.length_s / USUAL_LENGTH_S
        return next((speed for speed in SPEEDS if speed >= wanted), SPEEDS[-1])


def _name(findings: Sequence[Finding]) -> str:
    """Return findings in a few words: `overfitting in trial 0021`."""
    kinds = dict.fromkeys(finding.kind.replace("_", " ") for finding in findings)
    trials = dict.fromkeys(f.trial for f in findings if f.trial is not None)
    where = f" in trial {next(iter(trials))}" if len(trials) == 1 else ""
    return f"{', '.join(kinds)}{where}"
