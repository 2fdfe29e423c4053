"""A study in which one of two trials on a GPU runs out of its memory; for real or played."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tuitrain.events import PerGpuLowered, SettingsChanged, TrialQueued
from tuitrain.model import StudyModel, fold_all
from tuitrain.sources import StudySource

DEADLINE_S = 300.0

ON_A_GPU = """
def run_out():
    torch.cuda.init()
    torch.cuda.set_per_process_memory_fraction(0.01)
    torch.empty(64 << 30, dtype=torch.uint8, device="cuda")
"""
"""Asks a real GPU for more than this process may have; no byte of it is taken."""
STANDING_IN = """
def run_out():
    raise torch.OutOfMemoryError(
        "CUDA out of memory. Tried to allocate 64.00 GiB. GPU 0 has a total capacity of "
        "79.18 GiB of which 12.50 GiB is free. Including non-PyTorch memory, this process "
        "has 480.00 MiB memory in use."
    )
"""
"""Stands in for a GPU: torch's own error in torch's words."""

SCRIPT = """
import os
import time
from pathlib import Path
import torch
from torch import nn
from torch.utils.data import TensorDataset
from tuitrain import Task

torch.manual_seed(1)
data = TensorDataset(torch.randn(64, 6), torch.arange(64) % 3)
study = Path(os.environ["TUITRAIN_TRIAL"]).parent.parent
first, over = study / "first", study / "over"


class Greedy(nn.Module):
    # The first trial of the study runs out, once another one is on the GPU with it.
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 3)
        try:
            first.touch(exist_ok=False)
            self.is_first = True
        except FileExistsError:
            self.is_first = False

    def forward(self, inputs):
        deadline = time.monotonic() + 100
        while not over.exists() and time.monotonic() < deadline:
            together = list(study.glob("trials/*/state.jsonl"))
            if self.is_first and len(together) >= 2:
                try:
                    run_out()
                finally:
                    over.touch()
            time.sleep(0.05)
        return self.layer(inputs)


def task(trial):
    return Task(model=Greedy(), train=data, batch_size=16, loss=nn.CrossEntropyLoss())
"""


def walk_crowded(
    folder: Path, run_out: str, **environ: str
) -> tuple[str, dict[str, Any], StudyModel]:
    """Run step 1 of that study with two trials a GPU; all has ended when it returns.

    Returns:
        The lines told on the way, the document, and the study as its logs tell it.
    """
    script = folder / "crowded.py"
    script.write_text(SCRIPT + run_out)
    study = folder / "runs" / "crowded"
    tuitrain = [sys.executable, "-m", "tuitrain"]
    environment = {**os.environ, **environ}
    try:
        run = subprocess.run(
            [
                *tuitrain,
                *("run", str(script), "--headless", "--json"),
                *("--until", "1", "--per-gpu", "2", "--study", str(study)),
            ],
            capture_output=True,
            text=True,
            env=environment,
            cwd=folder,
            timeout=DEADLINE_S,
            check=False,
        )
    finally:
        subprocess.run(
            [*tuitrain, "stop", str(study)],
            env=environment,
            cwd=folder,
            capture_output=True,
            check=False,
        )
    assert run.stdout, run.stderr
    model = fold_all(StudyModel(), StudySource(study).read_all())
    return run.stderr, json.loads(run.stdout), model


def assert_uncrowded(folder: Path, told: str, model: StudyModel) -> None:
    """Check that fewer trials share the GPU, that everybody is told, and the retry."""
    (dead,) = [
        t for t in model.trials.values() if t.finished and t.finished.out_of_memory
    ]
    (taken,) = [t for t in model.trials.values() if t.replaces == dead.trial]
    (lowered,) = model.lowered
    assert (lowered.trial, lowered.sharing, lowered.per_gpu) == (dead.trial, 2, 1)
    assert dead.started is not None
    assert lowered.device == dead.started.device
    assert (taken.config, taken.seed) == (dead.config, dead.seed)
    assert "ran out of memory with 2 trials on" in told
    assert f"{dead.trial} is run again as {taken.trial}, from the start" in told
    assert "per_gpu = 1" in (folder / "runs" / "crowded" / "study.toml").read_text()
    events = [r.event for r in StudySource(folder / "runs" / "crowded").read_all()]
    assert any(isinstance(e, PerGpuLowered) for e in events)
    changed = [e for e in events if isinstance(e, SettingsChanged)]
    assert changed[-1].settings["devices"]["per_gpu"] == 1
    assert sum(isinstance(e, TrialQueued) for e in events) == len(model.trials)
    # Nobody shares the GPU with the one that is tried again, nor with any after it.
    assert taken.started_at_s is not None
    later = [
        t
        for t in model.trials.values()
        if t.started_at_s is not None and t.started_at_s >= taken.started_at_s
    ]
    for one in later:
        for other in model.trials.values():
            if other is not one:
                assert one.started_at_s is not None
                assert other.started_at_s is not None
                assert other.ended_at_s is not None
                assert (
                    other.ended_at_s <= one.started_at_s
                    or other.started_at_s > one.started_at_s
                )
