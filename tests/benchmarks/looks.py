"""What all probes and looks inside cost a whole training through tuitrain.

The digits CNN is trained as `python examples/digits_cnn.py` does, 20 epochs with
validation, in three ways: by a plain loop without tuitrain, through tuitrain with probes
and looks off, and with all of them at their default intervals. Each training has a process
of its own, forked as a trial is, and they take turns, an epoch each, so that a machine
whose speed changes does so for all. Checkpoints are left out: they have a benchmark of
their own.

The plain loop does what a script does for itself: it reads loss and accuracy of each
minibatch, validates, and writes a line an epoch.

What happens at an epoch is the same in all rounds, and what else the machine does is not.
So the cost of each epoch is the median of all rounds, and that of a training their sum.
"""

import multiprocessing
import tempfile
import time
from collections.abc import Iterator, Sequence
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

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
GIVE_UP_S = 300.0
FORKED = multiprocessing.get_context("fork")

Times = NDArray[np.float64]
"""Wall and processor seconds of each epoch, and of what comes after the last one."""


class Turns:
    """Lets processes go on by turns, an epoch each."""

    def __init__(self, ways: Sequence[str]) -> None:
        self._ready = FORKED.Barrier(len(ways))
        self._turns = {way: FORKED.Semaphore(0) for way in ways}
        self._next = dict(zip(ways, [*ways[1:], ways[0]], strict=True))
        self._turns[ways[0]].release()

    def wait_for_all(self) -> None:
        self._ready.wait()

    def take(self, way: str) -> None:
        self._turns[way].acquire()

    def give(self, way: str) -> None:
        self._turns[self._next[way]].release()


class Watch:
    """Notes how long epochs take, and lets the other ways have theirs in between."""

    def __init__(self, way: str, turns: Turns) -> None:
        self._way, self._turns = way, turns
        self._noted: list[tuple[float, float]] = []
        turns.take(way)
        self._began_s, self._used_s = time.perf_counter(), time.process_time()

    def note(self, *_: object) -> None:
        self._stop()
        self._turns.take(self._way)
        self._began_s = time.perf_counter()

    def times(self) -> Times:
        """Stop, and return what each epoch and the rest took, shape (epochs + 1, 2)."""
        self._stop()
        return np.array(self._noted)

    def _stop(self) -> None:
        passed_s = time.perf_counter() - self._began_s
        # Of the process, and since the last epoch ended: what the sender thread does
        # while others have their turn counts, too.
        used_s = time.process_time()
        self._noted.append((passed_s, used_s - self._used_s))
        self._used_s = used_s
        self._turns.give(self._way)


def _train_plainly(watch: Watch, folder: Path) -> None:
    task = load_function(SCRIPT, "task")(Trial(CONFIG))
    optimizer = task.optimizer(list(task.model.parameters()))
    # As scripts do, and as tuitrain does for a task.
    train = DataLoader(task.train, task.batch_size, shuffle=True)
    validation = DataLoader(task.val, task.batch_size)
    with (folder / "epochs.txt").open("w") as lines:
        for epoch in range(EPOCHS):
            losses, hits = [], 0
            task.model.train()
            for images, labels in train:
                outputs = task.model(images)
                loss = task.loss(outputs, labels)
                loss.backward()
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
                losses.append(loss.item())
                hits += (outputs.argmax(1) == labels).sum().item()
            task.model.eval()
            seen, right = [], 0
            with torch.no_grad():
                for some, wanted in validation:
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


def _measure(way: str, turns: Turns, measured: "Queue[tuple[str, Times]]") -> None:
    """Train once; runs in a process that has not trained through tuitrain before."""
    # What torch does for the first time is no part of any training.
    Training().run_block(WARM_UP)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        turns.wait_for_all()
        watch = Watch(way, turns)
        if way == "plain":
            _train_plainly(watch, Path(folder))
        else:
            _train_by_tuitrain(watch, Path(folder), OFF if way == "off" else {})
        measured.put((way, watch.times()))


def _measure_round(ways: Sequence[str]) -> dict[str, Times]:
    """Train in all ways, an epoch of each by turns: a machine's speed changes in seconds."""
    turns = Turns(ways)
    measured: Queue[tuple[str, Times]] = FORKED.Queue()
    processes = [
        FORKED.Process(target=_measure, args=(way, turns, measured)) for way in ways
    ]
    for process in processes:
        process.start()
    found = dict(measured.get(timeout=GIVE_UP_S) for _ in ways)
    for process in processes:
        process.join()
    return found


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
    rounds = 5 if quick else 20
    measured = [
        _measure_round(WAYS[number % len(WAYS) :] + WAYS[: number % len(WAYS)])
        for number in range(rounds)
    ]
    times = {way: np.stack([found[way] for found in measured]) for way in WAYS}
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
