"""Reading a log whole: one study, from the files and nothing else."""

from dataclasses import dataclass
from pathlib import Path

from tuitrain.events import PointsMeasured, Record
from tuitrain.model import StudyModel, fold
from tuitrain.sources import StudySource
from tuitrain.store import StoreError, StreamDamage
from tuitrain.study import Study


@dataclass(frozen=True)
class Loaded:
    """A log as it stands."""

    study: Study
    damage: StreamDamage
    told: list[Record]
    """All records but the points, in the order they were read."""


def load(path: Path) -> Loaded:
    """Read a study folder, a trial folder or a log.

    Raises:
        StoreError: It can't be read, is no log, or holds nothing yet.
        LogVersionError: A newer tuitrain wrote it.
    """
    source = StudySource(path)
    model, told, count = StudyModel(), list[Record](), 0
    while records := source.read():
        for record in records:
            model = fold(model, record)
            if not isinstance(record.event, PointsMeasured):
                told.append(record)
        count += len(records)
    if not count:
        raise StoreError(
            f"{path}: holds no records yet; start a study with: tuitrain run SCRIPT"
        )
    return Loaded(Study(model), source.damage, told)
