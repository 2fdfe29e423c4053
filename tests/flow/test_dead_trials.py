"""Training processes of a real study are killed; the study carries them on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.flow.waiting import wait_for
from tuitrain.events import Step, Verdict
from tuitrain.model import StudyModel, TrialModel, fold_all, whole_series
from tuitrain.sources import StudySource

pytestmark = [pytest.mark.flow, pytest.mark.timeout(600)]

SCRIPT = """
import time
import torch
from torch import nn
from torch.utils.data import TensorDataset
from tuitrain import Task

torch.manual_seed(0)
inputs = torch.randn(128, 6)
data = TensorDataset(inputs, (inputs[:, 0] > 0).long())


class Slow(nn.Module):
    def __init__(self, pause_s):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 2))
        self.pause_s = pause_s

    def forward(self, inputs):
        time.sleep(self.pause_s)
        return self.layers(inputs)


def task(trial):
    return Task(
        model=Slow(0.1 if trial.step == "coarse_grid" else 0.0),
        train=data, val=data, batch_size=8, loss=nn.CrossEntropyLoss(),
    )
"""
SETTINGS = """
script = "train.py"
function = "task"
[initial_loss]
initializations = 1
[overfit_small]
lrs = [0.01]
batches = 2
[find_lr]
lrs = [0.1, 0.01, 0.001]
[coarse_grid]
lr_factors = [1.0]
weight_decays = [0.0, 1e-4]
[devices]
gpus = "none"
slots = 2
"""
TUITRAIN = [sys.executable, "-m", "tuitrain"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "train.py").write_text(SCRIPT)
    study = tmp_path / "runs" / "small"
    study.mkdir(parents=True)
    (study / "study.toml").write_text(SETTINGS)
    yield tmp_path
    subprocess.run([*TUITRAIN, "stop", str(study)], cwd=tmp_path, check=False)


def read(folder: Path) -> StudyModel:
    return fold_all(StudyModel(), StudySource(folder / "runs" / "small").read_all())


def find_saved(folder: Path, *, replaces: str | None = None) -> TrialModel | None:
    """Return a trial of step 4 that runs and is well past what it began at or saved."""
    for trial in read(folder).trials.values():
        is_wanted = (trial.replaces or None) == replaces
        if trial.step is not Step.COARSE_GRID or trial.state.is_over or not is_wanted:
            continue
        at = trial.checkpoint.iteration if trial.checkpoint else 0
        has_begun = trial.checkpoint is not None or trial.resumes is not None
        if has_begun and trial.iteration > at + 4:
            return trial
    return None


def kill(trial: TrialModel) -> None:
    assert trial.started is not None
    os.kill(trial.started.pid, signal.SIGKILL)


def test_a_killed_trial_goes_on_once_by_itself_and_then_by_command(folder):
    study = str(Path("runs", "small"))
    command = ["run", "train.py", "--headless", "--study", study, "--until", "4"]
    walk = subprocess.Popen(
        [*TUITRAIN, *command],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    dead = wait_for(lambda: find_saved(folder), "a checkpoint")
    assert dead is not None
    kill(dead)
    again = wait_for(lambda: find_saved(folder, replaces=dead.trial), "its successor")
    assert again is not None
    kill(again)
    told, _ = walk.communicate(timeout=200)
    assert f"{dead.trial} is carried on as {again.trial}, from iteration" in told
    model = read(folder)
    first, second = model.trials[dead.trial], model.trials[again.trial]
    assert second.resumes == first.trial
    assert first.checkpoint is not None
    assert int(second.get("loss").iterations[0]) == first.checkpoint.iteration + 1
    out = (folder / study / "trials" / second.trial / "out.log").read_text()
    assert f"carried on from {folder.resolve()}" in out
    # Killed twice, it waits for a person; the step is judged without it.
    run = model.latest(Step.COARSE_GRID)
    assert run is not None
    assert run.reached is not None
    assert "trial_failed" in {finding.kind for finding in run.reached.findings}
    assert not [t for t in model.trials.values() if t.replaces == second.trial]

    resumed = subprocess.run(
        [*TUITRAIN, "resume", study],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert resumed.returncode == 0, resumed.stderr

    def judged() -> StudyModel | None:
        now = read(folder)
        newest = now.latest(Step.COARSE_GRID)
        return now if newest is not None and newest.reached is not None else None

    last = wait_for(judged, "another verdict")
    assert last is not None
    model = last
    (third,) = [t for t in model.trials.values() if t.replaces == second.trial]
    assert f"{second.trial} goes on as {third.trial}" in resumed.stdout
    run = model.latest(Step.COARSE_GRID)
    assert run is not None
    assert run.reached is not None
    assert run.reached.verdict is Verdict.PASS
    assert run.attempt == 1
    # The curve of the whole trajectory has each iteration once.
    loss = whole_series(model, third.trial, "loss")
    assert loss.iterations.tolist() == list(range(1, 49))


def test_resume_says_what_it_can_not_do(folder):
    def resume(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*TUITRAIN, "resume", *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )

    nothing = resume("small")
    assert (nothing.returncode, nothing.stderr) == (0, "")
    assert "no trial of the current step died" in nothing.stdout
    unknown = resume("small", "0042")
    assert unknown.returncode == 2
    assert "there is no trial 0042" in unknown.stderr
    assert resume("other").returncode == 2
