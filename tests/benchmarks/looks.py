"""What probes and looks inside cost a whole training, from its first iteration on.

The digits CNN is trained twice at once in one process, with everything and with nothing,
some iterations of each in turn; each such pair has a process of its own, forked as a trial
is, since what is done for the first time in a process costs more. What is done at an
iteration is the same in all pairs, and what else the machine does is not. So the cost of
each iteration is the median of all pairs, and that of a training their sum.

The sender thread may work while either is trained. Its processor time is counted as if
there were no second core for it.
"""

import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray

from tests.benchmarks.figures import Figure, tell, within
from tests.benchmarks.probes import TRIAL, Training, attach
from tuitrain.store import LogWriter
from tuitrain.worker import recorder as sending
from tuitrain.worker.inspection import Inspector, Sources
from tuitrain.worker.recorder import Recorder

WHOLE = 880
"""Iterations of 20 epochs, as the example trains when run by hand."""
BEGINNING = 20
"""Iterations with looks in each of them."""
TURN = 20
"""Iterations of one training after each other, as they are when it is alone."""
WARM_UP = 20


class Pair(NamedTuple):
    """Two trainings beside each other."""

    wall_s: NDArray[np.float64]
    """Shape (iterations, 2): without, and with probes and looks."""
    cpu_s: NDArray[np.float64]
    """Likewise, processor time of the training thread."""
    attach_s: float
    sender_s: float
    """Processor time of the sender thread, over the whole training."""


def _attach_all(training: Training, recorder: Recorder) -> None:
    attach(training, recorder, norm=True)
    Inspector(
        training.task.model,
        [training.optimizer],
        trial=TRIAL,
        put=recorder.put,
        loss=training.task.loss,
        sources=Sources(training.task.train.tensors, training.task.val.tensors),
    )


def _measure_pair(number: int) -> Pair:
    """Train twice; runs in a process that has not looked inside anything before."""
    wall_s, cpu_s = np.zeros((WHOLE, 2)), np.zeros((WHOLE, 2))
    with tempfile.TemporaryDirectory() as folder:
        # What torch does for the first time is no part of either training.
        Training().run_block(WARM_UP)
        # Two trainings take the time of two, and the sender works for one of them.
        slower = patch.object(sending, "SEND_EVERY_S", 2 * sending.SEND_EVERY_S)
        slower.start()
        recorder = Recorder(TRIAL, LogWriter(Path(folder) / "points.jsonl", "x"))
        pair = Training(), Training()
        all_s, thread_s = time.process_time(), time.thread_time()
        _attach_all(pair[1], recorder)
        attach_s = time.thread_time() - thread_s
        for turn in range(WHOLE // TURN):
            # Neither is always the first.
            for index in (0, 1) if (turn + number) % 2 else (1, 0):
                for iteration in range(turn * TURN, (turn + 1) * TURN):
                    began_s = time.thread_time()
                    wall_s[iteration, index] = pair[index].run_block(1)
                    cpu_s[iteration, index] = time.thread_time() - began_s
        recorder.flush()
        thread_s = time.thread_time() - thread_s
        sender_s = time.process_time() - all_s - thread_s
    return Pair(wall_s, cpu_s, attach_s, sender_s)


class Costs:
    """What some pairs say together."""

    def __init__(self, pairs: list[Pair]) -> None:
        self.wall_s = np.stack([each.wall_s for each in pairs])
        self.cpu_s = np.stack([each.cpu_s for each in pairs])
        self.attach_s = float(np.median([each.attach_s for each in pairs]))
        self.sender_s = float(np.median([each.sender_s for each in pairs]))

    def bare_s(self) -> float:
        return float(np.median(self.wall_s[:, :, 0], axis=0).sum())

    def once_s(self) -> float:
        """Return what is paid by the end of the beginning, in the training thread."""
        return self.attach_s + float(_added(self.cpu_s)[:BEGINNING].sum())

    def later(self) -> float:
        """Return what is paid after it, in percent of its processor time."""
        bare_s = np.median(self.cpu_s[:, BEGINNING:, 0], axis=0).sum()
        return float(100 * _added(self.cpu_s)[BEGINNING:].sum() / bare_s)

    def share(self) -> float:
        """Return what the training thread pays, in percent."""
        added_s = self.attach_s + _added(self.wall_s).sum()
        return float(100 * added_s / self.bare_s())

    def cpu_share(self) -> float:
        """Return what the process pays in processor time, in percent."""
        added_s = self.attach_s + _added(self.cpu_s).sum() + self.sender_s
        return float(100 * added_s / np.median(self.cpu_s[:, :, 0], axis=0).sum())


def _added(times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what each iteration takes more; `times_s` of shape (pairs, iterations, 2)."""
    added: NDArray[np.float64] = np.median(times_s[:, :, 1] - times_s[:, :, 0], axis=0)
    return added


def _range(pairs: list[Pair], figure: str) -> str:
    """Return where a share lies if other pairs had been measured, 95 of 100 times."""
    rng = np.random.default_rng(0)
    drawn = [
        getattr(
            Costs([pairs[i] for i in rng.integers(0, len(pairs), len(pairs))]), figure
        )()
        for _ in range(200)
    ]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return f"{low:.1f} to {high:.1f} %"


def measure(quick: bool) -> Iterator[Figure]:
    """Measure whole trainings in pairs."""
    torch.set_num_threads(1)
    count = 5 if quick else 15
    forked = multiprocessing.get_context("fork")
    with forked.Pool(1, maxtasksperchild=1) as pool:
        pairs = pool.map(_measure_pair, range(count), chunksize=1)
    costs = Costs(pairs)
    yield Figure(f"baseline: {WHOLE} iterations without", f"{costs.bare_s():.2f} s")
    what = f"all probes and looks inside, a training of {WHOLE} iterations"
    yield within(what, costs.share(), 3, "%")
    yield Figure(f"… {count} pairs drawn anew, 95 %", _range(pairs, "share"))
    yield within("… in processor time, sender included", costs.cpu_share(), 3, "%")
    yield Figure(f"… {count} pairs drawn anew, 95 %", _range(pairs, "cpu_share"))
    yield Figure("… of it the sender", f"{1e3 * costs.sender_s:.0f} ms")
    yield Figure(
        f"… the first {BEGINNING} iterations", f"{1e3 * costs.once_s():.0f} ms"
    )
    yield Figure("… each iteration after them", f"{costs.later():.2f} %")


if __name__ == "__main__":
    tell(measure)
