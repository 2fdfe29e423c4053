"""A real study whose one trial trains until it may go, for faults that need time."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import tomli_w

from tests.flow.waiting import wait_for
from tuitrain.events import OutcomeKind, TrialStarted
from tuitrain.launch import ProcessIdentity
from tuitrain.model import StudyModel, TrialModel, fold_all
from tuitrain.sources import StudySource
from tuitrain.store import StudyFolder
from tuitrain.supervisor import find_running
from tuitrain.supervisor.whereabouts import read_whereabouts
from tuitrain.tui.feed.live import LiveFeed
from tuitrain.tui.messages import StudyAdvanced
from tuitrain.wire import connect

SCRIPT = Path(__file__).with_name("paced_training.py")


class PacedStudy:
    """One study in a folder of its own, started by whoever tests it."""

    def __init__(self, path: Path) -> None:
        """Write `study.toml`: one trial in the first step, as long as it takes."""
        self.folder = StudyFolder(path)
        self.folder.create()
        settings = {
            "script": str(SCRIPT),
            "devices": {"gpus": "none", "slots": 1},
            "initial_loss": {"batches": 1_000_000, "initializations": 1},
        }
        self.folder.settings.write_text(tomli_w.dumps(settings))
        self._source = StudySource(path)
        self._model = StudyModel()

    @property
    def trial(self) -> TrialModel | None:
        """The trial as its logs tell it; no line may be damaged or missing."""
        self._model = fold_all(self._model, self._source.read_all())
        damage = self._source.damage
        assert (damage.bad_lines, damage.missing_records) == (0, 0)
        return next(iter(self._model.trials.values()), None)

    def count_points(self) -> int:
        """Return how many losses are on file; 0: none yet."""
        trial = self.trial
        return len(trial.get("loss")) if trial is not None else 0

    def worker(self) -> psutil.Process:
        """Return the training process, which must be alive."""
        trial = self.trial
        assert trial is not None
        assert isinstance(trial.started, TrialStarted)
        process = psutil.Process(trial.started.pid)
        assert process.status() != psutil.STATUS_ZOMBIE
        return process

    def supervisor(self) -> psutil.Process:
        """Return the supervisor's process, which must be alive."""
        whereabouts = read_whereabouts(self.folder)
        assert whereabouts is not None
        assert whereabouts.identity.is_alive()
        return psutil.Process(whereabouts.pid)

    def let_go(self) -> TrialModel:
        """Let the trial reach its end, and return it; it must have completed."""
        (self.folder.path.parent / "go").touch()

        def ended() -> TrialModel | None:
            trial = self.trial
            return trial if trial is not None and trial.state.is_over else None

        trial = wait_for(ended, "the end of the trial")
        assert trial is not None
        assert trial.finished is not None
        assert trial.finished.outcome is OutcomeKind.COMPLETED
        return trial

    def end(self) -> None:
        """End whatever still runs."""
        command = [sys.executable, "-m", "tuitrain", "stop", str(self.folder.path)]
        subprocess.run(command, capture_output=True, check=False)
        whereabouts = read_whereabouts(self.folder)
        if whereabouts is not None and find_running(self.folder) is not None:
            whereabouts.identity.send(signal.SIGTERM)
        trial = self.trial
        if trial is not None and trial.started is not None:
            ProcessIdentity.of_shim(trial.started).send(signal.SIGTERM)


def attach(study: PacedStudy, at_least: int) -> tuple[float, TrialModel]:
    """Attach as the screen does, without its pictures, and hang up again.

    A long log is shown while it is read; what counts is when all of it can be drawn.

    Returns:
        Seconds from the first try to connect to the first study with `at_least` losses,
        and the trial as it was shown then.
    """
    socket = find_running(study.folder)
    assert socket is not None
    seen: list[tuple[float, TrialModel]] = []
    shown = threading.Event()

    def post(message: object) -> None:
        if not isinstance(message, StudyAdvanced):
            return
        for trial in message.study.model.trials.values():
            if len(trial.get("loss")) >= at_least:
                seen.append((time.monotonic(), trial))
                shown.set()

    feed = LiveFeed(study.folder.path, lambda _: connect(socket, study.folder.name))
    thread = threading.Thread(target=feed.run, args=(post,))
    began_s = time.monotonic()
    thread.start()
    is_shown = shown.wait(60)
    feed.stop()
    thread.join()
    assert is_shown, f"{at_least} losses were never shown"
    at_s, trial = seen[0]
    return at_s - began_s, trial


def check_sequence(trial: TrialModel, at_least: int) -> None:
    """No point is missing, none is there twice, and none that was seen before is gone."""
    iterations = trial.get("loss").iterations
    np.testing.assert_array_equal(iterations, np.arange(1, len(iterations) + 1))
    assert len(iterations) >= at_least


def watch_end(process: psutil.Process, end: Callable[[], object]) -> float:
    """Do `end`, and return the seconds from then until `process` is gone."""
    end()
    began_s = time.monotonic()
    wait_for(lambda: is_gone(process), f"the end of {process}")
    return time.monotonic() - began_s


def is_gone(process: psutil.Process) -> bool:
    """Whether a process has ended, whether anybody took notice or not."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
