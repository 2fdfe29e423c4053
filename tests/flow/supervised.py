"""A study under a real supervisor, for tests; its trials are played, not trained."""

import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import tomli_w

from tests.flow.waiting import wait_for
from tuitrain.commands import Command
from tuitrain.events import Record, VerdictReached
from tuitrain.launch import ProcessIdentity
from tuitrain.model import StudyModel, TrialModel, TrialState, fold_all
from tuitrain.sources import StudySource
from tuitrain.store import StudyFolder
from tuitrain.supervisor import ensure_running, find_running
from tuitrain.supervisor.whereabouts import read_whereabouts
from tuitrain.wire import Answered, Connection, connect

POINTS = 200
"""Losses that a played trial measures."""

PLAYED = Path(__file__).with_name("played_trial.py")
"""The script of these studies; see there."""


@dataclass
class Supervised:
    """A study folder and its supervisors, one after the other."""

    folder: StudyFolder
    connections: list[Connection] = field(default_factory=list)

    @classmethod
    def create(cls, path: Path, **devices: object) -> Self:
        """Write a study of played trials, whose first step is judged by real rules."""
        supervised = cls(StudyFolder(path))
        supervised.folder.create()
        supervised.change_settings(**devices)
        return supervised

    def change_settings(self, **devices: object) -> None:
        """Write `study.toml`."""
        settings = {
            "script": str(PLAYED),
            "config": {"points": POINTS},
            "devices": {"gpus": "none", "slots": 2, **devices},
        }
        self.folder.settings.write_text(tomli_w.dumps(settings))

    def ensure(self) -> Path:
        """Return the socket of a supervisor that runs."""
        return ensure_running(self.folder)

    def connect(self) -> Connection:
        """Return a new client's connection."""
        connection = connect(self.ensure(), self.folder.name)
        self.connections.append(connection)
        return connection

    def ask(self, command: Command) -> Answered:
        """Ask as a client of its own."""
        connection = self.connect()
        try:
            return connection.ask(command)
        finally:
            connection.close()

    def identify(self) -> ProcessIdentity:
        """Return the process of the supervisor that runs."""
        whereabouts = read_whereabouts(self.folder)
        assert whereabouts is not None
        return whereabouts.identity

    def kill(self) -> None:
        """Kill the supervisor, and see it gone."""
        identity = self.identify()
        identity.send(signal.SIGKILL)
        wait_for(lambda: not identity.is_alive(), "the supervisor's end")

    def read(self) -> list[Record]:
        """Return all records of all logs; no line may be damaged or missing."""
        source = StudySource(self.folder.path)
        records = source.read_all()
        assert (source.damage.bad_lines, source.damage.missing_records) == (0, 0)
        return records

    def model(self) -> StudyModel:
        """Return the study as its logs tell it."""
        return fold_all(StudyModel(), self.read())

    def verdict(self) -> VerdictReached | None:
        """Return the verdict of the current step once it is reached."""
        current = self.model().current
        return current.reached if current is not None else None

    def let_go(self) -> None:
        """Let all played trials go on to their end."""
        (self.folder.path / "go").touch()

    def end(self) -> None:
        """End the supervisor and every trial of the study."""
        for connection in self.connections:
            connection.close()
        self.let_go()
        for trial in (
            self.model().trials.values() if self.folder.journal.exists() else ()
        ):
            if trial.started is not None and not trial.state.is_over:
                ProcessIdentity.of_shim(trial.started).send(signal.SIGTERM)
        if find_running(self.folder) is not None:
            identity = self.identify()
            identity.send(signal.SIGTERM)
            deadline = time.monotonic() + 10
            while identity.is_alive() and time.monotonic() < deadline:
                time.sleep(0.02)
            os.kill(identity.pid, signal.SIGKILL) if identity.is_alive() else None


def running(supervised: Supervised, count: int) -> list[TrialModel]:
    """Return the trials that run, once there are `count` with some points each."""
    trials = supervised.model().trials.values()
    found = [t for t in trials if t.state is TrialState.RUNNING and t.points > 2]
    return found if len(found) == count else []
