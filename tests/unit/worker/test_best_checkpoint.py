"""The weights of the best epoch are kept beside the newest ones."""

import pytest
import torch

from tests.unit.worker.conftest import BEGIN, OWN_LOOP, TASK
from tuitrain.events import CheckpointSaved, TrialLimits


def _epochs(ran, *, best: bool) -> list[int]:
    saved = [e for e in ran.events if isinstance(e, CheckpointSaved)]
    return [event.epoch for event in saved if event.is_best is best]


@pytest.mark.parametrize(("source", "function"), [(TASK, "task"), (OWN_LOOP, None)])
def test_the_best_epoch_is_kept(run_script, source, function):
    ran = run_script(
        source,
        TrialLimits(epochs=6),
        function=function,
        lr=0.3,
        metric="val_loss",
        highest=False,
    )
    losses = list(ran.series("val_loss").values())
    best = losses.index(min(losses)) + 1
    assert _epochs(ran, best=False)[-1] == 6
    assert _epochs(ran, best=True)[-1] == best
    kept = torch.load(ran.folder.best_checkpoint, weights_only=True)
    assert kept["epoch"] == best
    assert ran.checkpoint()["epoch"] == 6


def test_of_equal_epochs_the_first_is_kept(run_script):
    source = (
        BEGIN
        + "def task(trial):\n"
        + (
            "    return Task(model=make_model(), train=train_set, val=val_set, batch_size=8,"
            " loss=nn.CrossEntropyLoss(),"
            " optimizer=lambda p: torch.optim.SGD(p, lr=1e-12))\n"
        )
    )
    ran = run_script(source.replace("nn.BatchNorm1d(16), ", ""), metric="val_accuracy")
    assert _epochs(ran, best=True) == [1]


def test_none_is_kept_where_nothing_ranks(run_script):
    ran = run_script(TASK, metric=None)
    assert _epochs(ran, best=True) == []
    assert not ran.folder.best_checkpoint.exists()
