"""A real training process that is killed, and the one that carries on where it was."""

import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tuitrain.events import (
    CheckpointSaved,
    Event,
    PointsMeasured,
    Step,
    TrialId,
    TrialLimits,
)
from tuitrain.store import LogFollower, TrialFolder, TrialSpec, write_spec

DEADLINE_S = 200.0

CNN = """
import random
import time
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset
from tuitrain import Task
from tuitrain.data import load_digits, split

torch.use_deterministic_algorithms(True)
images, labels = load_digits()
parts = [torch.from_numpy(part) for part in split(images[:, None], labels)]


class Augmented(Dataset):
    # Draws from all three generators, as augmentation does.
    def __len__(self):
        return 512

    def __getitem__(self, index):
        noise = random.random() + np.random.rand() + torch.rand(()).item()
        return parts[0][index] + 0.1 * noise, parts[1][index]


class Slow(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.layers = layers

    def forward(self, images):
        time.sleep(PAUSE_S)
        return self.layers(images)


def task(trial):
    layers = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(),
        nn.Dropout(0.2), nn.Linear(512, 10),
    )
    return Task(
        model=Slow(layers), train=Augmented(), batch_size=16, loss=nn.CrossEntropyLoss(),
        amp=AMP, accumulate=2,
        optimizer=lambda p: torch.optim.AdamW(p, lr=trial.lr),
        scheduler=lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 40),
        scheduler_every="iteration",
    )
"""
"""Augmentation, dropout, batch norm, accumulation and a schedule: all that has a state."""

ENTRY = """
import sys
from pathlib import Path
import tuitrain.worker.checkpoints as checkpoints
checkpoints.LEAST_INTERVAL_S = 0.6
checkpoints.MAX_SHARE = 0.5
from tuitrain.worker.entry import run_trial
sys.exit(run_trial(Path(sys.argv[1])))
"""
"""A training process that saves within an epoch as soon as it can: a test has no hours."""


@dataclass
class Training:
    """One training process and its folder."""

    folder: TrialFolder
    process: "subprocess.Popen[bytes]"

    def events(self) -> list[Event]:
        """Return what its log says by now."""
        path = self.folder.points
        if not path.exists():
            return []
        return [record.event for record in LogFollower(path).read(1 << 30)]

    def saved(self) -> list[CheckpointSaved]:
        """Return its checkpoints so far."""
        return [e for e in self.events() if isinstance(e, CheckpointSaved)]

    def iteration(self) -> int:
        """Return the newest iteration in its log."""
        points = [e for e in self.events() if isinstance(e, PointsMeasured)]
        return max((max(e.iteration) for e in points), default=0)

    def kill_within_an_epoch(self) -> int:
        """Kill it after a checkpoint within an epoch; return the iteration of the last one."""
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            inner = [s for s in self.saved() if s.iteration > s.epoch * 16]
            if inner and self.iteration() > inner[-1].iteration + 2:
                break
            assert self.process.poll() is None, "it ended before it could be killed"
            time.sleep(0.01)
        self.process.send_signal(signal.SIGKILL)
        assert self.process.wait(DEADLINE_S) == -signal.SIGKILL
        # The file may be one ahead of what was logged of it.
        state = torch.load(self.folder.checkpoint, weights_only=True)
        return int(state["iteration"])

    def finish(self) -> dict[str, Any]:
        """Wait for its end; return its checkpoint."""
        output = self.folder.out.read_text() if self.folder.out.exists() else ""
        assert self.process.wait(DEADLINE_S) == 0, output
        state: dict[str, Any] = torch.load(self.folder.checkpoint, weights_only=True)
        return state


def start(
    folder: Path,
    trial: str,
    *,
    device: str = "cpu",
    amp: str | None = None,
    pause_s: float = 0.0,
    resume_from: Path | None = None,
) -> Training:
    """Start a training of three epochs of 16 updates each."""
    script = folder / "train.py"
    script.write_text(f"PAUSE_S = {pause_s}\nAMP = {amp!r}\n" + CNN)
    place = TrialFolder(folder / trial)
    place.path.mkdir()
    spec = TrialSpec(
        trial=TrialId(trial),
        study="killed",
        script=str(script),
        function="task",
        step=Step.REFINE_GRID,
        config={"lr": 0.01, "weight_decay": 0.0},
        limits=TrialLimits(epochs=3),
        device=device,
        resume_from=None if resume_from is None else str(resume_from),
    )
    write_spec(place.spec, spec)
    with place.out.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", ENTRY, str(place.path)], stdout=out, stderr=out
        )
    return Training(place, process)


def assert_same(one: object, other: object) -> None:
    """Compare nested states, tensors bit for bit."""
    if isinstance(one, torch.Tensor):
        assert isinstance(other, torch.Tensor)
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert isinstance(other, dict)
        assert one.keys() == other.keys()
        for key, value in one.items():
            assert_same(value, other[key])
    elif isinstance(one, list | tuple):
        assert isinstance(other, list | tuple)
        assert len(one) == len(other)
        for each, counterpart in zip(one, other, strict=True):
            assert_same(each, counterpart)
    else:
        assert one == other


def check_carried_on(
    folder: Path, *, device: str = "cpu", amp: str | None = None
) -> None:
    """Kill a training within an epoch; what carries on ends at the very same state."""
    whole = start(folder, "0001", device=device, amp=amp)
    expected = whole.finish()
    killed = start(folder, "0002", device=device, amp=amp, pause_s=0.05)
    kept = killed.kill_within_an_epoch()
    assert 0 < kept < 48
    rest = start(
        folder, "0003", device=device, amp=amp, resume_from=killed.folder.checkpoint
    )
    assert_same(expected, rest.finish())
    said = rest.folder.out.read_text()
    assert f"carried on from {killed.folder.checkpoint} (iteration {kept}," in said
    whole_loss, rest_loss = loss_of(whole), loss_of(rest)
    assert list(rest_loss) == list(range(kept + 1, 49))
    assert {i: whole_loss[i] for i in rest_loss} == rest_loss


def loss_of(training: Training) -> dict[int, object]:
    """Return the loss at each iteration."""
    return {
        iteration: value
        for event in training.events()
        if isinstance(event, PointsMeasured) and "loss" in event.values
        for iteration, value in zip(event.iteration, event.values["loss"], strict=True)
    }
