"""A trial carried on from a checkpoint is the trial that was never interrupted."""

import pickle

import pytest
import torch

from tests.unit.worker.conftest import BEGIN, OWN_LOOP, TASK
from tuitrain.events import CheckpointSaved, EpochEnded, OutcomeKind, TrialLimits

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
