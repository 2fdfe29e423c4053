"""A trial carried on from a checkpoint is the trial that was never interrupted."""

import pickle
from pathlib import Path

import pytest
import torch

from tests.killing import assert_same
from tests.unit.worker.conftest import BEGIN, OWN_LOOP, TASK
from tuitrain.events import (
    CheckpointSaved,
    EpochEnded,
    OutcomeKind,
    ProbeFailed,
    TrialLimits,
)

RANDOM_DATA = (
    BEGIN
    + """
import random
import numpy as np

class Noisy(torch.utils.data.Dataset):
    def __len__(self):
        return 24
    def __getitem__(self, index):
        noise = random.random() + np.random.rand() + torch.rand(()).item()
        return inputs[index] + 0.1 * noise, labels[index]

def task(trial):
    return Task(
        model=make_model(), train=DataLoader(Noisy(), batch_size=8, shuffle=True),
        val=val_set, loss=nn.CrossEntropyLoss(),
        optimizer=lambda params: torch.optim.SGD(params, lr=trial.lr, momentum=0.9),
        scheduler=lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [1, 3]),
    )
"""
)


@pytest.mark.parametrize(
    ("source", "function"), [(TASK, "task"), (RANDOM_DATA, "task"), (OWN_LOOP, None)]
)
def test_a_resumed_trial_is_bit_for_bit_the_uninterrupted_one(
    run_script, source, function
):
    whole = run_script(source, TrialLimits(epochs=4), trial="0001", function=function)
    first = run_script(source, TrialLimits(epochs=2), trial="0002", function=function)
    rest = run_script(
        source,
        TrialLimits(epochs=4),
        trial="0003",
        function=function,
        resume_from=str(first.folder.checkpoint),
    )
    assert whole.outcome is rest.outcome is OutcomeKind.COMPLETED
    assert_same(whole.checkpoint(), rest.checkpoint())
    for name in ("loss", "accuracy", "val_loss", "grad_norm", "update_ratio/0.weight"):
        joined = {**first.series(name), **rest.series(name)}
        assert joined == whole.series(name)
    assert [e.epoch for e in rest.events if isinstance(e, EpochEnded)] == [3, 4]


def test_a_trial_that_resumes_where_it_is_to_end_is_complete(run_script):
    first = run_script(TASK, TrialLimits(epochs=2), trial="0001")
    again = run_script(
        TASK,
        TrialLimits(epochs=2),
        trial="0002",
        resume_from=str(first.folder.checkpoint),
    )
    assert again.outcome is OutcomeKind.COMPLETED
    assert again.finished.iteration == 10
    assert again.described.loss.kind == "cross_entropy"


def test_a_checkpoint_that_does_not_fit_is_told_in_one_line(run_script):
    first = run_script(TASK, trial="0001")
    other = run_script(
        TASK.replace("16", "17"),
        trial="0002",
        resume_from=str(first.folder.checkpoint),
    )
    assert (other.status, other.outcome) == (1, OutcomeKind.RAISED)
    assert "can't be carried on from" in other.finished.message
    assert "\n" not in other.finished.message


@pytest.mark.parametrize("content", [None, b"", b"not a checkpoint"])
def test_a_checkpoint_that_can_not_be_read_is_told_in_one_line(
    run_script, tmp_path, content
):
    path = tmp_path / "checkpoint.pt"
    if content is not None:
        path.write_bytes(content)
    ran = run_script(TASK, resume_from=str(path))
    assert (ran.status, ran.outcome) == (1, OutcomeKind.RAISED)
    assert "checkpoint.pt: can't be carried on from" in ran.finished.message


def test_a_checkpoint_that_executes_code_is_refused(run_script, tmp_path):
    marker = tmp_path / "executed"

    class Evil:
        def __reduce__(self):
            return (open, (str(marker), "w"))

    path = tmp_path / "checkpoint.pt"
    path.write_bytes(pickle.dumps(Evil()))
    ran = run_script(TASK, resume_from=str(path))
    assert ran.outcome is OutcomeKind.RAISED
    assert not marker.exists()


def test_a_checkpoint_that_can_not_be_written_is_reported_and_training_goes_on(
    run_script, tmp_path
):
    blocked = tmp_path / "trials" / "0001" / "checkpoint.pt" / "in the way"
    source = (
        TASK + f"\nimport pathlib; pathlib.Path({str(blocked)!r}).mkdir(parents=True)\n"
    )
    ran = run_script(source)
    assert (ran.status, ran.outcome) == (0, OutcomeKind.COMPLETED)
    assert not [e for e in ran.events if isinstance(e, CheckpointSaved)]
    failures = [e for e in ran.events if type(e).__name__ == "ProbeFailed"]
    assert [e.probe for e in failures] == ["checkpoint"]
    assert [p.name for p in ran.folder.path.iterdir() if p.name.startswith(".")] == []


def test_numbers_of_numpy_are_carried_on_as_they_are(run_script):
    source = TASK.replace("lr=trial.lr", "lr=trial.lr * np.sqrt(2)").replace(
        "batch_size=8",
        "batch_size=8, scheduler_every='iteration', scheduler=lambda optimizer: "
        "torch.optim.lr_scheduler.LambdaLR(optimizer, lambda n: 1 + np.cos(n / 5))",
    )
    source = source.replace("import torch\n", "import numpy as np\nimport torch\n", 1)
    whole = run_script(source, TrialLimits(epochs=3), trial="0001")
    first = run_script(source, TrialLimits(epochs=1), trial="0002")
    rest = run_script(
        source,
        TrialLimits(epochs=3),
        trial="0003",
        resume_from=str(first.folder.checkpoint),
    )
    assert rest.outcome is OutcomeKind.COMPLETED, rest.finished.message
    assert_same(whole.checkpoint(), rest.checkpoint())


def test_arrays_that_a_script_keeps_come_back(run_script):
    source = OWN_LOOP.replace("import torch\n", "import numpy as np\nimport torch\n", 1)
    source = source.replace(
        "for epoch in",
        "kept = {'best': np.float32(0.1), 'seen': np.arange(3), 'names': {'a'}}\n"
        "run.keep(kept=kept)\n"
        "assert run.folder.name == '0001' or type(kept['best']) is np.float32\n"
        "assert kept['seen'].tolist() == [0, 1, 2]\n"
        "for epoch in",
    )
    first = run_script(source, TrialLimits(epochs=1), function=None)
    assert not [e for e in first.events if isinstance(e, ProbeFailed)]
    rest = run_script(
        source,
        TrialLimits(epochs=2),
        function=None,
        trial="0002",
        resume_from=str(first.folder.checkpoint),
    )
    assert rest.outcome is OutcomeKind.COMPLETED, rest.finished.message


def test_what_can_not_be_read_back_is_told_when_it_is_first_written(run_script):
    source = OWN_LOOP.replace(
        "for epoch in",
        "import pathlib\nrun.keep(kept={'file': pathlib.Path('a')})\nfor epoch in",
    )
    ran = run_script(source, TrialLimits(epochs=2), function=None)
    assert ran.outcome is OutcomeKind.COMPLETED
    (failure,) = [e for e in ran.events if isinstance(e, ProbeFailed)]
    assert failure.probe == "checkpoint"
    assert "Posix" in failure.error
    assert "neither a tensor nor a plain value" in failure.error
    assert "\n" not in failure.error


def test_a_gradient_scaler_is_carried_on_too(run_script):
    source = TASK.replace("batch_size=8", "batch_size=8, amp='fp16'")
    whole = run_script(source, TrialLimits(epochs=3), trial="0001")
    first = run_script(source, TrialLimits(epochs=1), trial="0002")
    rest = run_script(
        source,
        TrialLimits(epochs=3),
        trial="0003",
        resume_from=str(first.folder.checkpoint),
    )
    assert "scaler" in rest.checkpoint()["parts"]
    assert_same(whole.checkpoint(), rest.checkpoint())


EXAMPLE = Path(__file__).parents[3] / "examples" / "digits_resumable.py"


def test_the_example_of_a_resumable_loop_of_its_own_is_one(run_script, capsys):
    source = EXAMPLE.read_text()
    whole = run_script(source, TrialLimits(epochs=3), trial="0001", function=None)
    first = run_script(source, TrialLimits(epochs=1), trial="0002", function=None)
    capsys.readouterr()
    rest = run_script(
        source,
        TrialLimits(epochs=3),
        trial="0003",
        function=None,
        resume_from=str(first.folder.checkpoint),
    )
    assert first.finished.message == ""
    assert {"kept/scaler", "kept/average", "kept/counters"} < set(
        rest.checkpoint()["parts"]
    )
    assert_same(whole.checkpoint(), rest.checkpoint())
    told = capsys.readouterr()
    assert "epoch 2: 2874 samples" in told.out
    assert "epoch 1:" not in told.out
    assert "carried on from" in told.err


def test_what_a_checkpoint_was_not_told_to_keep_is_missed_in_one_line(run_script):
    first = run_script(OWN_LOOP, function=None, trial="0001")
    source = OWN_LOOP.replace(
        "loader = ", "run.keep(counters={'seen': 0})\nloader = ", 1
    )
    rest = run_script(
        source,
        TrialLimits(epochs=4),
        function=None,
        trial="0002",
        resume_from=str(first.folder.checkpoint),
    )
    assert rest.outcome is OutcomeKind.RAISED
    assert (
        "can't be carried on from (KeyError: 'kept/counters')" in rest.finished.message
    )


def test_a_stopped_trial_is_carried_on_within_its_epoch(run_script):
    """Stopped by the script itself, as by SIGTERM, in the third of five minibatches."""
    stop = (
        "\nimport os, signal\n"
        "class Stopping(nn.CrossEntropyLoss):\n"
        "    calls = 0\n"
        "    def forward(self, outputs, targets):\n"
        "        Stopping.calls += outputs.requires_grad\n"
        "        if Stopping.calls == 8:\n"
        "            os.kill(os.getpid(), signal.SIGTERM)\n"
        "        return super().forward(outputs, targets)\n"
    )
    source = TASK.replace("\ndef task", stop + "\ndef task")
    stopping = source.replace("nn.CrossEntropyLoss(label", "Stopping(label")
    whole = run_script(source, TrialLimits(epochs=3), trial="0001")
    first = run_script(stopping, TrialLimits(epochs=3), trial="0002")
    assert first.outcome is OutcomeKind.STOPPED
    assert (first.checkpoint()["epoch"], first.checkpoint()["iteration"]) == (1, 8)
    rest = run_script(
        source,
        TrialLimits(epochs=3),
        trial="0003",
        resume_from=str(first.folder.checkpoint),
    )
    assert list(rest.series("loss")) == list(range(9, 16))
    assert_same(whole.checkpoint(), rest.checkpoint())


def test_a_checkpoint_of_the_format_before_is_carried_on_from(run_script):
    """One that knows whole epochs only."""
    first = run_script(TASK, TrialLimits(epochs=2), trial="0001")
    old = first.checkpoint()
    del old["under_way"]
    torch.save({**old, "format": 1}, first.folder.checkpoint)
    rest = run_script(
        TASK,
        TrialLimits(epochs=3),
        trial="0002",
        resume_from=str(first.folder.checkpoint),
    )
    assert rest.finished.iteration == 15
