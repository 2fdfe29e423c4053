"""Where events come from: a study's files, read once or followed while they grow.

A live study and a finished one look alike here. The socket only brings the same lines
sooner: `offer` takes them in sequence, and whatever is missing is read from the file.
"""

from pathlib import Path

from tuitrain.events import Record
from tuitrain.store import (
    READ_BYTES,
    LogFollower,
    StoreError,
    StreamDamage,
    StudyFolder,
)

JOURNAL = "journal"
"""Stream of the supervisor."""
GPUS = "gpus"
"""Stream of the GPU sampler."""


class StudySource:
    """All streams of one study folder, one trial folder or one log file."""

    def __init__(self, path: Path, *, has_points: bool = True) -> None:
        """Open `path`: a study folder, a trial folder, or a `.jsonl` file.

        A study's `journal.jsonl` stands for its folder, and so does a `points.jsonl`.

        Args:
            path: What to read.
            has_points: False: the points of a study's trials are left out, for those
                who only want to know how far it is.

        Raises:
            StoreError: There is nothing there that could be a log.
        """
        self._has_points = has_points
        self._followers: dict[str, LogFollower] = {}
        self._folder: StudyFolder | None = None
        try:
            self._open(path)
        except PermissionError as error:
            raise StoreError(
                f"{error.filename}: can't be read ({error.strerror})"
            ) from None

    def _open(self, path: Path) -> None:
        if not path.exists():
            raise StoreError(
                f"{path}: no such file or folder; give a study folder or a log"
            )
        if path.name in ("journal.jsonl", "points.jsonl") and path.is_file():
            path = path.parent
        if path.is_file():
            self._followers[path.stem] = LogFollower(path)
        elif (path / "points.jsonl").exists():
            self._add_trial(path)
        elif (path / "journal.jsonl").exists() or (path / "study.toml").exists():
            self._folder = StudyFolder(path)
            self._followers[JOURNAL] = LogFollower(self._folder.journal)
            self._followers[GPUS] = LogFollower(self._folder.gpus)
        else:
            raise StoreError(
                f"{path}: holds no log (journal.jsonl or points.jsonl); "
                "give a study folder, a trial folder or a .jsonl log"
            )

    @property
    def is_study(self) -> bool:
        """Whether it is the folder of a study, with streams of many trials."""
        return self._folder is not None

    @property
    def damage(self) -> StreamDamage:
        """What could not be read of all streams together."""
        damages = [follower.damage for follower in self._followers.values()]
        return StreamDamage(
            sum(damage.bad_lines for damage in damages),
            sum(damage.missing_records for damage in damages),
        )

    def offer(self, stream: str, line: bytes) -> list[Record]:
        """Take one line of `stream` that came by the socket, newline included.

        Returns:
            The records this makes known: that line, or what was missing up to it.
        """
        self._find_streams()
        follower = self._followers.get(stream)
        if follower is None:
            return []
        record = follower.offer(line)
        return [record] if record is not None else follower.read()

    def read(self, max_bytes: int = READ_BYTES) -> list[Record]:
        """Return new records, a bounded bite of each stream; empty: nothing new now.

        Args:
            max_bytes: Size of a bite, unless a single line is longer.

        Raises:
            StoreError: A file can't be read or is no log.
            LogVersionError: A newer tuitrain wrote it.
        """
        self._find_streams()
        records: list[Record] = []
        for follower in self._followers.values():
            if follower.has_more():
                records.extend(follower.read(max_bytes))
        return records

    def read_all(self) -> list[Record]:
        """Return everything there is at the moment.

        Raises:
            StoreError: A file can't be read or is no log.
            LogVersionError: A newer tuitrain wrote it.
        """
        records: list[Record] = []
        while bite := self.read():
            records.extend(bite)
        return records

    def _find_streams(self) -> None:
        if self._folder is None:
            return
        for trial in self._folder.list_trials():
            if f"{trial.path.name}/state" not in self._followers:
                self._add_trial(trial.path)

    def _add_trial(self, folder: Path) -> None:
        self._followers[f"{folder.name}/state"] = LogFollower(folder / "state.jsonl")
        if self._has_points:
            points = LogFollower(folder / "points.jsonl")
            self._followers[f"{folder.name}/points"] = points
