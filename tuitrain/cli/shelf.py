"""`list`, `stop` and the home screen: which studies there are, and which run."""

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from tuitrain.cli.failures import UsageError
from tuitrain.cli.script import find_script
from tuitrain.cli.studies import RUNS, is_study, open_study
from tuitrain.cli.terminal import is_terminal
from tuitrain.clock import SYSTEM_CLOCK
from tuitrain.commands import StopStudy
from tuitrain.events import RecordError
from tuitrain.headless import Printer, find_look
from tuitrain.model import StudyModel, TrialState, fold_all
from tuitrain.sources import StudySource
from tuitrain.store import StoreError, StudyFolder
from tuitrain.study import Study
from tuitrain.supervisor import ensure_running, find_running
from tuitrain.units import format_duration
from tuitrain.wire import ConnectionLostError, connect

STOP_S: Final = 60.0
"""How long a study may take to stop before `stop` gives up waiting."""
_LOOK_EVERY_S: Final = 0.1
_DAY_S: Final = 86400.0


@dataclass(frozen=True)
class Shelved:
    """One study as `list` tells it."""

    path: Path
    is_running: bool
    """Whether a supervisor is alive."""
    study: Study
    refusal: str = ""
    """Why its log can't be read; empty: it can."""


def list_studies(options: argparse.Namespace) -> int:
    """Print the studies below some folders, and those that run elsewhere.

    Raises:
        UsageError: One of the folders that were given is none.
    """
    for given in options.folders:
        if given != str(RUNS) and not Path(given).is_dir():
            raise UsageError(f"{given}: no such folder; give one that holds studies")
    shelf = find_shelf(Path(folder) for folder in options.folders)
    if options.json:
        document = {"format": "tuitrain/1", "studies": [_entry(s) for s in shelf]}
        sys.stdout.write(json.dumps(document, indent=1) + "\n")
        return 0
    printer = Printer(sys.stdout, find_look(sys.stdout))
    if not shelf:
        where = ", ".join(options.folders)
        printer.lines([f"no studies in {where}; start one: tuitrain run SCRIPT"])
        return 0
    rows = [["study", "state", "step", "trials", "last activity", ""]]
    rows += [_row(shelved) for shelved in shelf]
    printer.table(rows)
    return 0


def home(_: argparse.Namespace) -> int:
    """Show the studies here: on a terminal to choose from, else as a list."""
    if is_terminal():
        from tuitrain.tui import run_home

        return run_home(
            RUNS,
            ensure_running,
            start=_start,
            is_running=lambda folder: find_running(folder) is not None,
        )
    list_studies(argparse.Namespace(folders=[str(RUNS)], json=False))
    printer = Printer(sys.stdout, find_look(sys.stdout))
    printer.lines(["", "to see it work: tuitrain demo   all commands: tuitrain --help"])
    return 0


def _start(script: str) -> StudyFolder | str:
    """Return the study of a script with the usual settings, or why there is none."""
    try:
        found = find_script(str(Path(script.strip()).expanduser()))
        asked = {"script": str(found.path), "function": found.function}
        asked = {key: value for key, value in asked.items() if value is not None}
        return open_study(asked, given=None, name=found.path.stem)
    except (UsageError, StoreError) as error:
        return str(error)


def stop(options: argparse.Namespace) -> int:
    """Stop a study's trials and its supervisor."""
    folder = find_study(options.study, "stop")
    printer = Printer(sys.stdout, find_look(sys.stdout))
    model = _read(folder.path)
    # An ended study stays as it ended, though its supervisor waits a while for clients.
    is_idle = find_running(folder) is None or model.ended is not None
    if is_idle and not _running(model):
        printer.lines([f"{folder.path}: nothing runs"])
        return 0
    connection = connect(ensure_running(folder), folder.name)
    try:
        answer = connection.ask(StopStudy())
        if not answer.accepted:
            raise UsageError(f"{folder.path}: {answer.message}")
    except ConnectionLostError:
        pass  # it may hang up before it answers; the files tell
    finally:
        connection.close()
    _wait_until_stopped(folder)
    printer.lines([f"{folder.path}: stopped"])
    return 0


def find_study(given: str | None, command: str) -> StudyFolder:
    """Return the study a person means: a folder, a name below `runs`, or the one that runs.

    Those that run elsewhere on this machine count only where none runs below `runs`.

    Raises:
        UsageError: There is none, or it is not clear which one.
    """
    if given is not None:
        for path in (Path(given), RUNS / given):
            if is_study(path):
                return StudyFolder(path)
        raise UsageError(f"{given}: no study there; see: tuitrain list")
    running = [shelved.path for shelved in find_shelf([RUNS]) if shelved.is_running]
    running = [path for path in running if path.parent == RUNS] or running
    if len(running) == 1:
        return StudyFolder(running[0])
    if not running:
        raise UsageError(
            f"no study is running; name one: tuitrain {command} STUDY (see: tuitrain list)"
        )
    names = ", ".join(str(path) for path in running)
    raise UsageError(
        f"several studies run ({names}); name one: tuitrain {command} STUDY"
    )


def find_shelf(folders: Iterable[Path]) -> list[Shelved]:
    """Return the studies directly below `folders` and those running anywhere, running first.

    A study that is no folder below but one of `folders` itself counts, too.
    """
    paths: dict[Path, Path] = {}
    for folder in folders:
        inside = sorted(folder.iterdir()) if folder.is_dir() else []
        for path in [folder, *inside]:
            # Among many people's studies, those that only their owners may look at.
            with contextlib.suppress(PermissionError):
                if is_study(path):
                    paths.setdefault(path.resolve(), path)
    for path in _find_supervised():
        paths.setdefault(path.resolve(), path)
    shelf = [_look(path) for path in paths.values()]
    return sorted(shelf, key=lambda shelved: not shelved.is_running)


def _look(path: Path) -> Shelved:
    is_running = find_running(StudyFolder(path)) is not None
    try:
        return Shelved(path, is_running, Study(_read(path)))
    except (StoreError, RecordError) as error:
        return Shelved(path, is_running, Study(StudyModel()), str(error))


def _read(path: Path) -> StudyModel:
    source = StudySource(path, has_points=False)
    return fold_all(StudyModel(), source.read_all())


def _find_supervised() -> list[Path]:
    """Return the study folders of this user's living supervisors, wherever they lie."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.uids().real != os.getuid():
                continue
            if not " ".join(process.cmdline()).startswith("tuitrain supervisor"):
                continue
            files = [Path(file.path) for file in process.open_files()]
        except psutil.Error:
            continue
        found += [path.parent for path in files if path.name == "journal.jsonl"]
    return found


def _running(model: StudyModel) -> list[str]:
    trials = model.trials.values()
    return [trial.trial for trial in trials if trial.state is TrialState.RUNNING]


def _wait_until_stopped(folder: StudyFolder) -> None:
    deadline_s = SYSTEM_CLOCK.mono_s() + STOP_S
    while SYSTEM_CLOCK.mono_s() < deadline_s:
        model = _read(folder.path)
        if model.ended is not None and not _running(model):
            return
        time.sleep(_LOOK_EVERY_S)
    raise UsageError(
        f"{folder.path}: trials still run after {STOP_S:.0f} s; "
        f"see {folder.supervisor_log}"
    )


def _entry(shelved: Shelved) -> dict[str, Any]:
    study, current = shelved.study, shelved.study.model.current
    trials = list(study.model.trials.values())
    return {
        "name": StudyFolder(shelved.path).name,
        "path": str(shelved.path),
        "running": shelved.is_running,
        "state": "unreadable" if shelved.refusal else study.state,
        "step": current.step.number if current else None,
        "trials": {
            "total": len(trials),
            "running": len(_running(study.model)),
            "over": sum(trial.state.is_over for trial in trials),
        },
        "last_activity_s": study.model.last_wall_s,
        "note": shelved.refusal,
    }


def _row(shelved: Shelved) -> list[str]:
    entry, current = _entry(shelved), shelved.study.model.current
    trials, at_s = entry["trials"], entry["last_activity_s"]
    ago_s = max(0.0, SYSTEM_CLOCK.wall_s() - at_s) if at_s is not None else None
    supervised = " (supervised)" if shelved.is_running else ""
    return [
        entry["path"],
        entry["state"] + supervised,
        f"{current.step.number} {current.step.label}" if current else "",
        f"{trials['over']}/{trials['total']}",
        _ago(ago_s) if ago_s is not None else "",
        shelved.refusal,
    ]


def _ago(duration_s: float) -> str:
    days = int(duration_s // _DAY_S)
    return f"{days} days ago" if days > 1 else f"{format_duration(duration_s)} ago"
