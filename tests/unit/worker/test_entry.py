"""The entry point of a training process."""

import json
import subprocess
import sys

from tests.unit.worker.conftest import TASK

PRELOAD = """
import json, os, sys, threading
from tuitrain.worker.entry import preload

assert "torch" not in sys.modules
import numpy
before = len(os.listdir("/proc/self/task"))
preload()
import torch
known = set(sys.modules)
after = len(os.listdir("/proc/self/task"))
cuda = torch.cuda.is_initialized()
sys.path.insert(0, sys.argv[1])
import task_script
from tuitrain.worker.trial import Trial
task = task_script.task(Trial({"lr": 0.1, "weight_decay": 0.0}))
optimizer = task.optimizer(list(task.model.parameters()))
task.loss(task.model(task_script.inputs), task_script.labels).backward()
optimizer.step()
late = sorted(n for n in set(sys.modules) - known if n.startswith("torch"))
print(json.dumps({"threads": after - before, "cuda": cuda, "late": late}))
"""


def test_preload_imports_what_a_first_training_needs_and_starts_nothing(tmp_path):
    (tmp_path / "task_script.py").write_text(TASK)
    ran = subprocess.run(
        [sys.executable, "-c", PRELOAD, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert (found["threads"], found["cuda"]) == (0, False)
    # Without preloading it is some 1500; a small one or two come with the first step.
    assert len(found["late"]) < 10


OLDER = """
import sys

class Older:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "torch.utils.serialization":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Older)
from tuitrain.worker.entry import preload
preload()
import torch
del torch.OutOfMemoryError
from tuitrain.worker.memory import describe_shortage
try:
    raise torch.cuda.OutOfMemoryError("no memory")
except RuntimeError as error:
    print(describe_shortage(error, batch_size=8, takes_batch_size=True) is not None)
try:
    raise ValueError("something else")
except ValueError as error:
    print(describe_shortage(error, batch_size=8, takes_batch_size=True) is not None)
"""
"""Torch 2.4 is played: it does not have what came later."""


def test_an_older_torch_without_what_is_loaded_late_is_good_enough():
    ran = subprocess.run(
        [sys.executable, "-c", OLDER], capture_output=True, text=True, timeout=100
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == ["True", "False"]


def test_a_process_says_what_it_trains(run_script, monkeypatch):
    titles: list[str] = []
    monkeypatch.setattr("setproctitle.setproctitle", titles.append)
    run_script(TASK, trial="0007", lr=0.01)
    assert titles == ["tuitrain trial small/0007 lr=0.01 weight_decay=0.01"]


def test_a_trial_runs_with_its_share_of_threads(run_script):
    source = TASK.replace("def task(trial):", "def task(trial):\n    check()") + (
        "\ndef check():\n    assert torch.get_num_threads() == 2\n"
    )
    assert run_script(source, threads=2).status == 0
