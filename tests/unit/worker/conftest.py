"""A trial of a small script, run in this process; its events come back."""

import os
import random
import signal
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from tuitrain.events import (
    Config,
    Event,
    OutcomeKind,
    PointsMeasured,
    Step,
    TaskDescribed,
    TrialFinished,
    TrialId,
    TrialLimits,
    to_numbers,
)
from tuitrain.store import LogFollower, TrialFolder, TrialSpec, write_spec
from tuitrain.worker.entry import run_trial

BEGIN = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
import tuitrain
from tuitrain import Task, Trial

torch.manual_seed(7)
inputs = torch.randn(40, 6)
labels = (inputs[:, 0] > 0).long() + (inputs[:, 1] > 0).long()
train_set = TensorDataset(inputs, labels)
val_set = TensorDataset(torch.randn(12, 6), torch.randint(0, 3, (12,)))

def make_model():
    return nn.Sequential(
        nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3)
    )
"""

TASK = (
    BEGIN
    + """
def task(trial):
    return Task(
        model=make_model(), train=train_set, val=val_set, batch_size=8,
        loss=nn.CrossEntropyLoss(label_smoothing=0.1),
        optimizer=lambda params: torch.optim.AdamW(
            params, lr=trial.lr, weight_decay=trial.weight_decay
        ),
    )
"""
)

OWN_LOOP = (
    BEGIN
    + """
run = tuitrain.init(config={"lr": 1e-3, "weight_decay": 0.0})
model = make_model()
loss_fn = nn.CrossEntropyLoss(label_smoothing=0.1)
optimizer = torch.optim.AdamW(
    model.parameters(), lr=run.config["lr"], weight_decay=run.config["weight_decay"]
)
run.watch(model, optimizer, loss=loss_fn)
loader = DataLoader(train_set, batch_size=8, shuffle=True)
for epoch in run.epochs(2):
    model.train()
    for x, y in run.batches(loader):
        out = model(x)
        loss = loss_fn(out, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.log({"loss": loss, "accuracy": (out.argmax(1) == y).float().mean()})
    model.eval()
    with torch.no_grad():
        x, y = val_set.tensors
        run.log_validation({"loss": loss_fn(model(x), y)})
"""
)


@dataclass
class Ran:
    """What a trial left behind."""

    status: int
    folder: TrialFolder
    events: list[Event]

    @property
    def finished(self) -> TrialFinished:
        return [e for e in self.events if isinstance(e, TrialFinished)][-1]

    @property
    def outcome(self) -> OutcomeKind:
        return self.finished.outcome

    @property
    def described(self) -> TaskDescribed:
        (event,) = [e for e in self.events if isinstance(e, TaskDescribed)]
        return event

    def series(self, name: str) -> dict[int, float]:
        found: dict[int, float] = {}
        for event in self.events:
            if isinstance(event, PointsMeasured) and name in event.values:
                numbers = to_numbers(event.values[name]).tolist()
                found.update(zip(event.iteration, numbers, strict=True))
        return found

    def names(self) -> set[str]:
        return {
            name
            for event in self.events
            if isinstance(event, PointsMeasured)
            for name in event.values
        }

    def checkpoint(self):
        return torch.load(self.folder.checkpoint, weights_only=True)


RunScript = Callable[..., Ran]


def read_events(path: Path) -> list[Event]:
    return [record.event for record in LogFollower(path).read(1 << 30)]


@pytest.fixture(autouse=True)
def _process_as_it_was(monkeypatch) -> Iterator[None]:
    """Undo what beginning a trial does to a process."""
    monkeypatch.delenv("TUITRAIN_TRIAL", raising=False)
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setattr(sys, "path", list(sys.path))
    handler = signal.getsignal(signal.SIGTERM)
    threads = torch.get_num_threads()
    numpy_state = np.random.get_state()  # noqa: NPY002 - what scripts use
    states = (random.getstate(), torch.get_rng_state())
    environment = dict(os.environ)
    yield
    signal.signal(signal.SIGTERM, handler)
    torch.set_num_threads(threads)
    random.setstate(states[0])
    np.random.set_state(numpy_state)  # noqa: NPY002
    torch.set_rng_state(states[1])
    os.environ.clear()
    os.environ.update(environment)


@pytest.fixture
def run_script(tmp_path) -> RunScript:
    """Run a script as the trial `trial`, under `limits`."""

    def run(
        source: str,
        limits: TrialLimits | None = None,
        *,
        trial: str = "0001",
        function: str | None = "task",
        lr: float = 0.05,
        config: Config | None = None,
        **changes,
    ) -> Ran:
        script = tmp_path / "train.py"
        script.write_text(textwrap.dedent(source))
        folder = TrialFolder(tmp_path / "trials" / trial)
        folder.path.mkdir(parents=True)
        spec = TrialSpec(
            trial=TrialId(trial),
            study="small",
            script=str(script),
            function=function,
            step=changes.pop("step", Step.REFINE_GRID),
            config={"lr": lr, "weight_decay": 0.01, **(config or {})},
            limits=limits or TrialLimits(epochs=2),
            **changes,
        )
        write_spec(folder.spec, spec)
        status = run_trial(folder.path)
        return Ran(status, folder, read_events(folder.points))

    return run
