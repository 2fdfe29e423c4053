"""What the probes cost a training: the digits CNN with and without them.

All trainings run in one process, in short blocks by turns; each block with probes is
compared with the blocks without right before and after it, so that what the machine does
besides cancels out.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor

from tests.benchmarks.figures import Figure, tell, within
from tuitrain.events import TrialId
from tuitrain.store import LogWriter
from tuitrain.worker.probes import Schedule, StepProbes
from tuitrain.worker.readings import Reading
from tuitrain.worker.recorder import Recorder
from tuitrain.worker.script import load_function
from tuitrain.worker.trial import Trial

SCRIPT = Path(__file__).parents[2] / "examples" / "digits_cnn.py"
BLOCK = 40
"""Iterations a block: two measurements of the update ratio at its default interval."""
TRIAL = TrialId("0001")


class Training:
    """The digits CNN on the CPU, going round its training data."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        config = {"lr": 1e-3, "weight_decay": 1e-4}
        # The script becomes `__main__`, by which forked processes name what they return.
        main = sys.modules["__main__"]
        task = load_function(SCRIPT, "task")(Trial(config))
        sys.modules["__main__"] = main
        images, labels = task.train.tensors
        self.task, self.iteration = task, 0
        self.optimizer = task.optimizer(list(task.model.parameters()))
        size = task.batch_size
        self.batches = list(zip(images.split(size), labels.split(size), strict=True))
        self.tell: Callable[[Tensor, Tensor, Tensor], None] | None = None
        task.model.train()

    def run_block(self, iterations: int = BLOCK) -> float:
        """Return the time of some iterations in seconds."""
        started = time.perf_counter()
        for _ in range(iterations):
            self.iteration += 1
            images, labels = self.batches[self.iteration % len(self.batches)]
            outputs = self.task.model(images)
            loss = self.task.loss(outputs, labels)
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            if self.tell is not None:
                self.tell(loss, outputs, labels)
        return time.perf_counter() - started


def attach(training: Training, recorder: Recorder, *, norm: bool) -> None:
    """Attach the probes at their default interval."""
    StepProbes(
        training.optimizer,
        training.task.model.named_parameters(),
        trial=TRIAL,
        put=recorder.put,
        iteration=lambda: training.iteration,
        schedule=Schedule(),
        measures_norm=norm,
    )


def _log_to(training: Training, recorder: Recorder) -> None:
    def tell_all(loss: Tensor, outputs: Tensor, labels: Tensor) -> None:
        accuracy = (outputs.detach().argmax(1) == labels).float().mean()
        values = {"loss": loss.detach(), "accuracy": accuracy}
        recorder.put(Reading(training.iteration, values))

    training.tell = tell_all


def measure(quick: bool) -> Iterator[Figure]:
    """Measure the update ratio alone, all probes, and logging without and with them.

    Looks inside are none of this, nor is anything of the first iterations.
    """
    torch.set_num_threads(1)
    rounds = 20 if quick else 150
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(TRIAL, LogWriter(Path(folder) / "points.jsonl", "x"))
        kinds = SimpleNamespace(
            bare=Training(),
            ratio=Training(),
            probes=Training(),
            logged=Training(),
            both=Training(),
        )
        attach(kinds.ratio, recorder, norm=False)
        for training in (kinds.probes, kinds.both):
            attach(training, recorder, norm=True)
        for training in (kinds.logged, kinds.both):
            _log_to(training, recorder)
        for training in vars(kinds).values():
            training.run_block()
        shares: dict[str, list[float]] = {
            name: [] for name in vars(kinds) if name != "bare"
        }
        noise = []
        before = bare = kinds.bare.run_block()
        for _ in range(rounds):
            for name, own in shares.items():
                probed = getattr(kinds, name).run_block()
                after = kinds.bare.run_block()
                own.append(2 * probed / (before + after))
                noise.append(2 * after / (before + after))
                before = after
            bare = min(bare, before)
        recorder.flush()
    cost = {name: 100 * (statistics.median(own) - 1) for name, own in shares.items()}
    yield Figure("baseline: an iteration without", f"{bare / BLOCK * 1e3:.2f} ms")
    yield within("update ratio alone, every 20th iteration", cost["ratio"], 1, "%")
    yield within("all probes", cost["probes"], 3, "%")
    yield Figure("loss and accuracy logged, no probes", f"{cost['logged']:.2f} %")
    yield Figure("all probes, and loss and accuracy logged", f"{cost['both']:.2f} %")
    quarter = statistics.quantiles(noise, n=4)
    yield Figure(
        "spread of blocks without probes (quartiles)",
        f"±{50 * (quarter[2] - quarter[0]):.1f} %",
    )


if __name__ == "__main__":
    tell(measure)
