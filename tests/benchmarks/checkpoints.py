"""What checkpoints cost a training: their time over that of the whole run they are part of.

Real trainings by tuitrain's own loop in this process, each with a session that writes its
log and its checkpoints as in a study. Every call that decides on a checkpoint or writes one
is timed from outside; the share is of one run, so that what the machine does besides hits
both alike.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import TensorDataset

from tests.benchmarks.figures import Figure, tell, within
from tuitrain import Task, Trial
from tuitrain.events import CheckpointSaved, Config, Step, TrialId, TrialLimits
from tuitrain.store import LogFollower, LogWriter, TrialFolder, TrialSpec
from tuitrain.units import Seconds
from tuitrain.worker import checkpoints
from tuitrain.worker.loop import TaskLoop
from tuitrain.worker.recorder import Recorder
from tuitrain.worker.script import load_function
from tuitrain.worker.session import Session

MOST_PERCENT = 2.0
"""What all of them together may take."""
SCRIPT = Path(__file__).parents[2] / "examples" / "digits_cnn.py"
WITHIN_EPOCHS_S = 2.0
"""For the long epoch: what the program leaves between two is longer than a benchmark."""


def _large(trial: Trial, samples: int = 2048) -> Task:
    """2.1 million parameters, so that 25 MB are written each time."""
    return Task(
        model=nn.Sequential(
            nn.Linear(64, 1024), nn.ReLU(), nn.Linear(1024, 1986), nn.Linear(1986, 10)
        ),
        train=TensorDataset(torch.randn(samples, 64), torch.arange(samples) % 10),
        val=TensorDataset(torch.randn(64, 64), torch.arange(64) % 10),
        batch_size=64,
        loss=nn.CrossEntropyLoss(),
        optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=trial.lr),
    )


class Timed:
    """Adds up the time spent in some methods of an object."""

    def __init__(self, thing: Any, names: list[str]) -> None:
        self.spent_s = 0.0
        self._depth = 0
        for name in names:
            setattr(thing, name, self._wrap(getattr(thing, name)))

    def _wrap(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            self._depth += 1
            begun_s = time.perf_counter()
            try:
                return method(*arguments, **named)
            finally:
                self._depth -= 1
                # A method that calls another one of them counts once.
                if self._depth == 0:
                    self.spent_s += time.perf_counter() - begun_s

        return timed


def _train(make: Callable[[Trial], Task], epochs: int) -> tuple[float, int, float]:
    """Return the share of checkpoints in one training, their number, and its time."""
    config: Config = {"lr": 1e-3, "weight_decay": 1e-4}
    with tempfile.TemporaryDirectory() as path:
        folder = TrialFolder(Path(path) / "0001")
        folder.path.mkdir()
        spec = TrialSpec(
            trial=TrialId("0001"),
            study="benchmark",
            script=str(SCRIPT),
            step=Step.REFINE_GRID,
            config=config,
            limits=TrialLimits(epochs=epochs),
            metric="val_accuracy",
        )
        recorder = Recorder(spec.trial, LogWriter(folder.points, "0001/points"))
        torch.manual_seed(0)
        trial = Trial(config)
        loop = TaskLoop(make(trial), trial, session := Session(spec, folder, recorder))
        timed = Timed(session.checkpoints, ["is_due", "end_epoch", "save", "finish"])
        begun_s = time.perf_counter()
        loop.run()
        session.finish()
        whole_s = time.perf_counter() - begun_s
        events = [r.event for r in LogFollower(folder.points).read(1 << 30)]
        saved = [e for e in events if isinstance(e, CheckpointSaved) and not e.is_best]
    return timed.spent_s / whole_s, len(saved), whole_s


def measure(quick: bool) -> Iterator[Figure]:
    """Measure a small model, a large one with short epochs, and one within long epochs."""
    torch.set_num_threads(1)
    digits = load_function(SCRIPT, "task")
    share, count, whole_s = _train(digits, 8 if quick else 40)
    yield _share(f"digits CNN, {count} in {whole_s:.0f} s", share)
    share, count, whole_s = _train(_large, 8 if quick else 20)
    yield _share(f"2.1 M parameters, short epochs, {count} in {whole_s:.0f} s", share)
    checkpoints.LEAST_INTERVAL_S = Seconds(WITHIN_EPOCHS_S)
    long = partial(_large, samples=(8 if quick else 16) * 2048)
    share, count, whole_s = _train(long, 2)
    yield _share(
        f"the same, {WITHIN_EPOCHS_S:g} s apart within epochs, {count} in {whole_s:.0f} s",
        share,
    )


def _share(name: str, share: float) -> Figure:
    return within(name, 100 * share, MOST_PERCENT, "%")


if __name__ == "__main__":
    tell(measure)
