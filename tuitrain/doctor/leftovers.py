"""Studies without a supervisor whose trials go on."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tuitrain.doctor.check import Check, fine, some, warning
from tuitrain.doctor.machine import Machine
from tuitrain.events import LogVersionError, TrialEnded, TrialStarted
from tuitrain.launch import ProcessIdentity
from tuitrain.store import LogFollower, StoreError, StudyFolder, TrialFolder
from tuitrain.supervisor import find_running

ALONE: Final = "trials alone"

_TITLE: Final = b"tuitrain shim "


@dataclass(frozen=True, kw_only=True)
class Abandoned:
    """A study whose trials run though nobody supervises it."""

    study: Path
    trials: list[str]


def read_abandoned(machine: Machine) -> list[Abandoned]:
    """Return the studies here, and those of running trials, that nobody supervises."""
    paths = {path.parent.resolve(): None for path in _journals(machine.studies)}
    paths |= dict.fromkeys(find_shimmed(machine))
    abandoned = []
    for path in paths:
        folder = StudyFolder(path)
        if find_running(folder) is not None:
            continue
        trials = [t.trial for t in folder.list_trials() if _is_alive(t)]
        if trials:
            abandoned.append(Abandoned(study=path, trials=list(trials)))
    return abandoned


def find_shimmed(machine: Machine) -> list[Path]:
    """Return the folders of the studies whose trials this user runs, wherever they lie."""
    found: dict[Path, None] = {}
    for process in machine.path("/proc").glob("[0-9]*"):
        try:
            if process.stat().st_uid != machine.uid:
                continue
            if not (process / "cmdline").read_bytes().startswith(_TITLE):
                continue
            files = [file.readlink() for file in (process / "fd").iterdir()]
        except OSError:  # ended meanwhile, or not ours to look into
            continue
        # It keeps its trial's folder open, as the lock of the trial.
        found |= {f.parent.parent: None for f in files if f.parent.name == "trials"}
    return list(found)


def judge_abandoned(abandoned: list[Abandoned]) -> list[Check]:
    """Say which trials go on alone."""
    if not abandoned:
        return [fine(ALONE, "none: every study with running trials is supervised")]
    return [
        warning(
            ALONE,
            f"{one.study}: {some(one.trials)} run, but its supervisor is gone; their "
            "points are kept, but nothing follows",
            f"tuitrain attach {shlex.quote(str(one.study))} (or: tuitrain stop)",
        )
        for one in abandoned
    ]


def _journals(studies: Path) -> Iterator[Path]:
    yield from sorted(studies.glob("*/journal.jsonl"))


def _is_alive(trial: TrialFolder) -> bool:
    """Whether a trial's process runs and no end of it is on record."""
    try:
        events = [record.event for record in LogFollower(trial.state).read()]
    except (StoreError, LogVersionError):
        return False
    if any(isinstance(event, TrialEnded) for event in events):
        return False
    starts = [event for event in events if isinstance(event, TrialStarted)]
    return any(
        ProcessIdentity.of_training(start).is_alive()
        or ProcessIdentity.of_shim(start).is_alive()
        for start in starts
    )
