"""Which studies lie in a folder, and how each of them stands."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tuitrain.events import RecordError
from tuitrain.model import StudyModel, fold_all
from tuitrain.sources import StudySource
from tuitrain.store import StoreError, StudyFolder
from tuitrain.study import Study

_MINUTE_S, _HOUR_S, _DAY_S = 60.0, 3600.0, 86400.0


@dataclass(frozen=True)
class Listed:
    """One study in the list."""

    folder: StudyFolder
    is_running: bool
    """Whether a supervisor answers for it."""
    study: Study
    problem: str = ""
    """Why its journal can't be read; empty: it can."""

    @property
    def state(self) -> str:
        """How the study stands, in a word; `left`: under way, with no supervisor."""
        is_left = self.study.state == "running" and not self.is_running
        return "left" if is_left else self.study.state

    @property
    def last_at_s(self) -> float:
        """Wall time of the newest event; 0: there is none."""
        return float(self.study.model.last_wall_s or 0.0)


class Shelf:
    """Looks at the studies of a folder; a log that has not grown is not read again."""

    def __init__(self, root: Path, is_running: Callable[[StudyFolder], bool]) -> None:
        """Prepare to look below `root`."""
        self._root = root
        self._is_running = is_running
        self._read: dict[Path, tuple[object, Study, str]] = {}

    def look(self) -> list[Listed]:
        """Return the studies, running ones first, then those with the newest events."""
        folders = sorted(self._root.iterdir()) if self._root.is_dir() else []
        found = [
            self._look_at(StudyFolder(path)) for path in folders if _has_journal(path)
        ]
        return sorted(found, key=lambda s: (not s.is_running, -s.last_at_s))

    def _look_at(self, folder: StudyFolder) -> Listed:
        stamps = [_stamp(folder.journal)]
        stamps += [_stamp(path) for path in folder.path.glob("trials/*/state.jsonl")]
        kept = self._read.get(folder.path)
        if kept is None or kept[0] != stamps:
            kept = (stamps, *_read(folder))
            self._read[folder.path] = kept
        _, study, problem = kept
        is_running = not problem and self._is_running(folder)
        return Listed(folder, is_running, study, problem)


def list_studies(root: Path, is_running: Callable[[StudyFolder], bool]) -> list[Listed]:
    """Return the studies below `root`, running ones first, then the newest."""
    return Shelf(root, is_running).look()


def ago(seconds: float) -> str:
    """Return how long ago something was, in words that change once a minute at most."""
    if seconds < _MINUTE_S:
        return "just now"
    for unit_s, name in ((_DAY_S, "d"), (_HOUR_S, "h"), (_MINUTE_S, "min")):
        if seconds >= unit_s:
            return f"{int(seconds // unit_s)} {name} ago"
    raise AssertionError("a minute is the least")


def progress(study: Study) -> str:
    """Return step and trials in short: `4 coarse grid · 7/9`."""
    current = study.current
    if current is None:
        return ""
    trials = study.trials_of_current()
    done = sum(trial.state.is_over for trial in trials)
    count = f" · {done}/{len(trials)}" if trials else ""
    return f"{current.step.number} {current.step.label}{count}"


def _has_journal(path: Path) -> bool:
    try:
        return (path / "journal.jsonl").is_file()
    except PermissionError:  # among many people's studies, one that only its owner sees
        return False


def _stamp(path: Path) -> Sequence[int]:
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_size, status.st_mtime_ns


def _read(folder: StudyFolder) -> tuple[Study, str]:
    try:
        # Without the points: they are many, and not needed here.
        records = StudySource(folder.path, has_points=False).read_all()
    except (StoreError, RecordError) as error:
        return Study(StudyModel()), str(error)
    return Study(fold_all(StudyModel(), records)), ""
