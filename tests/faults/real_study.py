"""A study of watched trainings under the real program: supervisor, starter, shims, torch."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import tomli_w

from tests.faults.processes import find_processes, kill_all, unique_name
from tests.flow.waiting import wait_for
from tuitrain.commands import Command
from tuitrain.events import Record, TrialId
from tuitrain.model import StudyModel, TrialModel, TrialState, fold_all
from tuitrain.sources import StudySource
from tuitrain.store import StudyFolder
from tuitrain.supervisor import ensure_running
from tuitrain.wire import Answered, connect

HERE = Path(__file__).parent
WATCHED = HERE / "watched_training.py"
FAKE_DRIVER = HERE / "fake_driver"


@dataclass
class RealStudy:
    """One study with its folder, its script's outside folder, and its environment."""

    folder: StudyFolder
    outside: Path
    script: Path
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def create(
        cls,
        base: Path,
        script: Path = WATCHED,
        *,
        trials: int = 1,
        slots: int = 1,
        outside: Path | None = None,
        settings: Mapping[str, Any] | None = None,
        **environment: str,
    ) -> Self:
        """Write a study whose first step runs `trials` trainings of `script`."""
        outside = outside or base / "outside"
        outside.mkdir(parents=True)
        folder = StudyFolder(base / unique_name("study"))
        folder.create()
        content = {
            "script": str(script),
            "devices": {"gpus": "none", "slots": slots},
            # Of these, the script's own loop goes by the last one alone.
            "initial_loss": {"initializations": trials, "batches": 10**6},
            **(settings or {}),
        }
        folder.settings.write_text(tomli_w.dumps(content))
        environment = {"OUTSIDE": str(outside), **environment}
        return cls(folder, outside, script, environment)

    @property
    def name(self) -> str:
        """The study's name; no other study has it."""
        return self.folder.name

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of the program."""
        return [sys.executable, "-m", "tuitrain", *arguments]

    def headless(self) -> list[str]:
        """Return the arguments of a client without a screen, which revives a supervisor."""
        where = ["--study", str(self.folder.path)]
        return [
            "run",
            str(self.script),
            *where,
            "--headless",
            "--until",
            "initial_loss",
        ]

    def start(self, *arguments: str, **streams: Any) -> "subprocess.Popen[bytes]":
        """Start the program beside this test."""
        return subprocess.Popen(
            self.command(*arguments),
            env={**os.environ, **self.environment},
            start_new_session=True,
            **{"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **streams},
        )

    def ask(self, command: Command) -> Answered:
        """Ask as a client of its own; a supervisor is started if there is none."""
        before = {name: os.environ.get(name) for name in self.environment}
        os.environ.update(self.environment)
        try:
            socket = ensure_running(self.folder)
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else None
                if value is not None:
                    os.environ[name] = value
        connection = connect(socket, self.folder.name)
        try:
            return connection.ask(command)
        finally:
            connection.close()

    def read(self) -> list[Record]:
        """Return all records of all logs."""
        return StudySource(self.folder.path).read_all() if self._has_journal else []

    def model(self) -> StudyModel:
        """Return the study as its logs tell it."""
        return fold_all(StudyModel(), self.read())

    def trial(self, number: int = 1) -> TrialModel:
        """Return one trial as the logs tell it."""
        name = TrialId(f"{number:04d}")
        return self.model().trials.get(name) or TrialModel(trial=name)

    def running(self) -> list[TrialModel]:
        """Return the trials that run and have measured something."""
        trials = self.model().trials.values()
        return [t for t in trials if t.state is TrialState.RUNNING and t.points > 2]

    def finish(self) -> None:
        """Let every training come to its end."""
        (self.outside / "finish").touch()

    def stop(self) -> int:
        """Stop the study as a person does, and return the exit status."""
        return self.start("stop", str(self.folder.path)).wait(120)

    def end(self) -> None:
        """Leave nothing behind, however the test went."""
        self.finish()
        if find_processes(self.name):
            self.stop()
        kill_all(self.name)
        wait_for(lambda: not find_processes(self.name), "the end of all processes")

    @property
    def _has_journal(self) -> bool:
        return self.folder.journal.exists()
