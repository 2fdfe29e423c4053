"""What all probes and looks inside cost a whole training through tuitrain.

The digits CNN is trained as `python examples/digits_cnn.py` does, 20 epochs with
validation, in three ways by turns: by a plain loop without tuitrain, through tuitrain
with probes and looks off, and with all of them at their default intervals. Each training
has a process of its own, forked as a trial is. Checkpoints are left out: they have a
benchmark of their own.

The plain loop does what a script does for itself: it reads loss and accuracy of each
minibatch, validates, and writes a line an epoch.

What happens at an epoch is the same in all rounds, and what else the machine does is not.
So the cost of each epoch is the median of all rounds, and that of a training their sum.
"""

import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray

from tests.benchmarks.figures import Figure, tell, within
from tests.benchmarks.probes import SCRIPT, TRIAL, Training
from tuitrain.events import Step, TrialLimits
from tuitrain.store import LogWriter, TrialFolder, TrialSpec
from tuitrain.worker.checkpoints import Checkpoints
from tuitrain.worker.entry import preload
from tuitrain.worker.loop import run_function
from tuitrain.worker.recorder import Recorder
from tuitrain.worker.script import load_function
from tuitrain.worker.session import Session
from tuitrain.worker.trial import Trial

EPOCHS = 20
CONFIG: dict[str, Any] = {"lr": 1e-3, "weight_decay": 1e-4}
OFF: dict[str, Any] = {"probe_first": 0, "probe_every": 0, "inspect": False}
WAYS = ("plain", "off", "on")
WARM_UP = 20

Times = NDArray[np.float64]
"""Wall and processor seconds of each epoch, and of what comes after the last one."""


class Watch:
    """Notes the times at which epochs end."""

    def __init__(self) -> None:
        self._noted = [self._now()]

    def note(self, *_: object) -> None:
        self._noted.append(self._now())

    def times(self) -> Times:
        """Return what went by between them, shape (epochs + 1, 2)."""
        return np.diff(np.array(self._noted), axis=0)

    def _now(self) -> tuple[float, float]:
        # Of the process: the sender thread counts, too.
        return time.perf_counter(), time.process_time()


def _train_plainly(watch: Watch, folder: Path) -> None:
    task = load_function(SCRIPT, "task")(Trial(CONFIG))
    optimizer = task.optimizer(list(task.model.parameters()))
    images, labels = task.train.tensors
    with (folder / "epochs.txt").open("w") as lines:
        for epoch in range(EPOCHS):
            losses, hits = [], 0
            task.model.train()
            for rows in torch.randperm(len(images)).split(task.batch_size):
                outputs = task.model(images[rows])
                loss = task.loss(outputs, labels[rows])
                loss.backward()
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
                losses.append(loss.item())
                hits += (outputs.argmax(1) == labels[rows]).sum().item()
            task.model.eval()
            seen, right = [], 0
            with torch.no_grad():
                for some, wanted in zip(
                    *(each.split(task.batch_size) for each in task.val.tensors),
                    strict=True,
                ):
                    outputs = task.model(some)
                    seen.append(task.loss(outputs, wanted).item())
                    right += (outputs.argmax(1) == wanted).sum().item()
            lines.write(f"{epoch} {np.mean(losses)} {hits} {np.mean(seen)} {right}\n")
            lines.flush()
            watch.note()


def _train_by_tuitrain(watch: Watch, folder: Path, changes: dict[str, Any]) -> None:
    place = TrialFolder(folder)
    spec = TrialSpec(
        trial=TRIAL,
        study="",
        script=str(SCRIPT),
        step=Step.REFINE_GRID,
        config=CONFIG,
        limits=TrialLimits(epochs=EPOCHS),
        **changes,
    )
    recorder = Recorder(TRIAL, LogWriter(place.points, "x"))
    session = Session(spec, place, recorder, is_supervised=False)
    function = load_function(SCRIPT, "task")
    with patch.object(Checkpoints, "end_epoch", watch.note):
        run_function(function, Trial(CONFIG), session, where="digits")
        session.finish()


def _measure(way: str) -> Times:
    """Train once; runs in a process that has not trained through tuitrain before."""
    # What torch does for the first time is no part of any training.
    Training().run_block(WARM_UP)
    torch.manual_seed(0)
    # The script becomes `__main__`, by which forked processes name what they return.
    main = sys.modules["__main__"]
    with tempfile.TemporaryDirectory() as folder:
        watch = Watch()
        if way == "plain":
            _train_plainly(watch, Path(folder))
        else:
            _train_by_tuitrain(watch, Path(folder), OFF if way == "off" else {})
        watch.note()
    sys.modules["__main__"] = main
    return watch.times()


def _turns(rounds: int) -> Iterator[str]:
    """Yield all ways in each round, none always the first."""
    for number in range(rounds):
        yield from (WAYS[(number + place) % len(WAYS)] for place in range(len(WAYS)))


class Costs:
    """What some rounds say together."""

    def __init__(self, times: dict[str, NDArray[np.float64]]) -> None:
        """Take the times of each way, shape (rounds, epochs + 1, 2)."""
        self._times = times

    def drawn(self, rounds: NDArray[np.intp]) -> "Costs":
        return Costs({way: times[rounds] for way, times in self._times.items()})

    def whole_s(self, way: str) -> float:
        return float(np.median(self._times[way][:, :, 0], axis=0).sum())

    def added(self, way: str, to: str, *, clock: int = 0, since: int = 0) -> float:
        """Return what one way takes more than another, in percent, from an epoch on."""
        added = self._times[way] - self._times[to]
        more, all_ = (
            np.median(each[:, since:, clock], axis=0).sum()
            for each in (added, self._times[to])
        )
        return float(100 * more / all_)

    def first_ms(self) -> float:
        """Return what the first epoch takes more with probes, milliseconds."""
        added = self._times["on"][:, 0, 0] - self._times["off"][:, 0, 0]
        return float(1e3 * np.median(added))


def _range(costs: Costs, rounds: int, way: str, to: str, *, clock: int = 0) -> str:
    """Return where a share lies if other rounds had been measured, 95 of 100 times."""
    rng = np.random.default_rng(0)
    shares = [
        costs.drawn(rng.integers(0, rounds, rounds)).added(way, to, clock=clock)
        for _ in range(500)
    ]
    low, high = np.quantile(shares, (0.025, 0.975))
    return f"{low:.1f} to {high:.1f} %"


def measure(quick: bool) -> Iterator[Figure]:
    """Measure whole trainings by turns."""
    torch.set_num_threads(1)
    preload()
    rounds = 5 if quick else 40
    forked = multiprocessing.get_context("fork")
    order = list(_turns(rounds))
    with forked.Pool(1, maxtasksperchild=1) as pool:
        measured = pool.map(_measure, order, chunksize=1)
    times = {
        way: np.stack([t for w, t in zip(order, measured, strict=True) if w == way])
        for way in WAYS
    }
    costs = Costs(times)
    again = f"… {rounds} rounds drawn anew, 95 %"
    yield Figure(
        f"baseline: {EPOCHS} epochs through tuitrain, probes and looks off",
        f"{costs.whole_s('off'):.2f} s",
    )
    yield within("all probes and looks inside", costs.added("on", "off"), 3, "%")
    yield Figure(again, _range(costs, rounds, "on", "off"))
    cpu = costs.added("on", "off", clock=1)
    yield within("… in processor time, sender thread included", cpu, 3, "%")
    yield Figure(again, _range(costs, rounds, "on", "off", clock=1))
    yield Figure("… once, in the first epoch", f"{costs.first_ms():.0f} ms")
    later = costs.added("on", "off", since=1)
    yield Figure("… each epoch after it", f"{later:.2f} %")
    yield Figure(
        "baseline: a plain loop that reads loss and accuracy",
        f"{costs.whole_s('plain'):.2f} s",
    )
    yield Figure("tuitrain without probes", f"{costs.added('off', 'plain'):.2f} %")
    yield Figure(again, _range(costs, rounds, "off", "plain"))
    yield Figure("tuitrain with all of it", f"{costs.added('on', 'plain'):.2f} %")
    yield Figure(again, _range(costs, rounds, "on", "plain"))


if __name__ == "__main__":
    tell(measure)
