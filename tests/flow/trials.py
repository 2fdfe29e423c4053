"""Trials for tests that start real processes: folders, scripts, and their logs."""

import textwrap
from pathlib import Path

from tuitrain.events import (
    Event,
    Step,
    TrialEnded,
    TrialId,
    TrialLimits,
    TrialStarted,
)
from tuitrain.store import LogFollower, TrialFolder, TrialSpec, write_spec

STANDIN = Path(__file__).with_name("standin")
"""On the `PYTHONPATH` of a process, this stands in for the worker; see there."""


def make_trial(
    study: Path, number: int, script: str, *, device: str = "cpu", threads: int = 1
) -> tuple[TrialSpec, TrialFolder]:
    """Write the folder of a trial that runs `script`, an indented text."""
    folder = TrialFolder(study / "trials" / f"{number:04d}")
    folder.path.mkdir(parents=True)
    path = study / f"script_{number}.py"
    path.write_text(textwrap.dedent(script))
    spec = TrialSpec(
        trial=folder.trial,
        study=study.name,
        script=str(path),
        step=Step.FIND_LR,
        config={"lr": 0.01, "weight_decay": 0.0},
        limits=TrialLimits(),
        device=device,
        threads=threads,
    )
    write_spec(folder.spec, spec)
    return spec, folder


def read_events(path: Path) -> list[Event]:
    """Return all events of a log; an unbroken sequence, or the test fails."""
    follower = LogFollower(path)
    events = []
    while records := follower.read():
        events += [record.event for record in records]
    assert (follower.damage.bad_lines, follower.damage.missing_records) == (0, 0)
    return events


def find_start(folder: TrialFolder) -> TrialStarted | None:
    """Return the start of a trial once it is on record."""
    starts = (e for e in read_events(folder.state) if isinstance(e, TrialStarted))
    return next(starts, None)


def find_end(folder: TrialFolder) -> TrialEnded | None:
    """Return the end of a trial once it is on record."""
    ends = (e for e in read_events(folder.state) if isinstance(e, TrialEnded))
    return next(ends, None)


def read_pids(path: Path, count: int) -> list[int]:
    """Return the pids a script wrote into a file; []: not all are there yet."""
    pids = path.read_text().split() if path.exists() else []
    return [int(pid) for pid in pids] if len(pids) >= count else []


def name_trial(number: int) -> TrialId:
    """Return the id of the trial with this number."""
    return TrialId(f"{number:04d}")
