"""The logs of a study as the supervisor reads them: each line once, byte for byte."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tuitrain.events import Record, TrialId
from tuitrain.store import READ_BYTES, LogFollower, StudyFolder, read_last


@dataclass(frozen=True)
class Line:
    """One line of one stream."""

    stream: str
    line: bytes
    """As it stands in the file, newline included."""
    record: Record


class StudyStreams:
    """Reads what others write: shims, training processes, the GPU sampler.

    What a trial's state says is cheap to read for all trials; points are many, and
    are read in bites.
    """

    def __init__(self, folder: StudyFolder) -> None:
        """Follow the logs of `folder`, from their start."""
        self._folder = folder
        self._followers: dict[str, LogFollower] = {}

    def read_journal(self) -> Iterator[Line]:
        """Read the journal of the supervisors before this one.

        Raises:
            StoreError: It can't be read, or is no log.
            LogVersionError: A newer tuitrain wrote it.
        """
        while bite := self._read("journal", self._folder.journal):
            yield from bite

    def read_gpus(self) -> list[Line]:
        """Return new GPU readings."""
        return self._read("gpus", self._folder.gpus)

    def skip_gpus(self) -> None:
        """Leave out the GPU readings taken so far: they say nothing about now.

        Raises:
            StoreError: They can't be read.
        """
        self._follower("gpus", self._folder.gpus).skip()

    def read_state(self, trial: TrialId) -> list[Line]:
        """Return what is new of a trial's start and end."""
        return self._read(f"{trial}/state", self._folder.trial(trial).state)

    def read_points(self, trial: TrialId, max_bytes: int = READ_BYTES) -> list[Line]:
        """Return one bite of what is new of a trial's points; empty: nothing."""
        path = self._folder.trial(trial).points
        return self._read(f"{trial}/points", path, max_bytes)

    def rewind_points(self, trials: Iterable[TrialId]) -> None:
        """Return the points of some trials once more, from their start."""
        for trial in trials:
            self._followers.pop(f"{trial}/points", None)

    def peek_at_last(self, trial: TrialId) -> Record | None:
        """Return the newest record of a trial's points, whatever was read before.

        Raises:
            StoreError: It can't be read.
        """
        return read_last(self._folder.trial(trial).points)

    def offer_points(self, trial: TrialId, line: bytes) -> list[Line]:
        """Take a line that came by the socket; return it, or what was missing before."""
        stream, path = f"{trial}/points", self._folder.trial(trial).points
        record = self._follower(stream, path).offer(line)
        if record is not None:
            return [Line(stream, line, record)]
        return self._read(stream, path)

    def _read(self, stream: str, path: Path, max_bytes: int = READ_BYTES) -> list[Line]:
        follower = self._follower(stream, path)
        if not follower.has_more():
            return []
        lines = follower.read_lines(max_bytes)
        return [Line(stream, line, record) for line, record in lines]

    def _follower(self, stream: str, path: Path) -> LogFollower:
        return self._followers.setdefault(stream, LogFollower(path))
