"""The first step on the real torch, through supervisor, warm starter and shims."""

import pytest
import tomli_w

from tests.flow.supervised import Supervised
from tests.flow.trials import make_trial, read_events
from tests.flow.waiting import wait_for
from tuitrain.commands import RunStep
from tuitrain.events import PointsMeasured, TrialFinished, Verdict
from tuitrain.model import TrialState

pytestmark = pytest.mark.flow

SCRIPT = """
import torch
from torch import nn
from torch.utils.data import TensorDataset
from tuitrain import Task, Trial

generator = torch.Generator().manual_seed(0)
data = TensorDataset(
    torch.randn(640, 20, generator=generator),
    torch.randint(0, 4, (640,), generator=generator),
)
held_out = TensorDataset(
    torch.randn(640, 20, generator=generator),
    torch.randint(0, 4, (640,), generator=generator),
)

def task(trial: Trial) -> Task:
    # Large enough that torch shares the work among threads of its own.
    model = nn.Sequential(nn.Linear(20, 512), nn.ReLU(), nn.Linear(512, 4))
    nn.init.normal_(model[2].weight, std=0.01)
    return Task(
        model=model, train=data, val=held_out, batch_size=128,
        loss=nn.CrossEntropyLoss(),
        optimizer=lambda params: torch.optim.AdamW(params, lr=trial.lr),
    )
"""


REPLACED = """
    import os, sys
    if os.environ.get("PYTHONHASHSEED") != "7":
        os.environ["PYTHONHASHSEED"] = "7"
        os.execv(sys.executable, [sys.executable, *sys.argv])
    import tuitrain
    run = tuitrain.init()
    for _ in range(3):
        run.log({"loss": 0.5})
"""


def test_a_script_that_begins_once_more_in_its_own_process_is_recorded(door, study):
    spec, folder = make_trial(study, 1, REPLACED)
    door.launcher.launch(spec, folder)
    # Torch is loaded twice, once for each wait.
    door.begin(folder)
    assert door.finish(folder).exit_code == 0
    events = read_events(folder.points)
    (points,) = [e for e in events if isinstance(e, PointsMeasured)]
    assert points.iteration == [1, 2, 3]
    assert isinstance(events[-1], TrialFinished)


def test_trials_of_a_torch_script_are_forked_and_judged(study):
    supervised = Supervised.create(study)
    script = study / "train.py"
    script.write_text(SCRIPT)
    settings = {
        "script": str(script),
        "function": "task",
        "devices": {"gpus": "none", "slots": 2},
    }
    supervised.folder.settings.write_text(tomli_w.dumps(settings))
    try:
        assert supervised.ask(RunStep()).accepted
        reached = wait_for(supervised.verdict, "the verdict")
        trials = supervised.model().trials.values()
        assert [trial.state for trial in trials] == [TrialState.FINISHED] * 3
        # Loading torch must leave a starter that may still be forked.
        assert {t.started.how for t in trials if t.started is not None} == {"warm"}
        assert reached is not None
        assert reached.verdict is Verdict.PASS
    finally:
        supervised.end()
