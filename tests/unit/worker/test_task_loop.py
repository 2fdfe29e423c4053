"""A task's loop: what the limits of a step ask for is what happens."""

import os
import signal
import sys
import threading
import time

import pytest
import torch

from tests.unit.worker.conftest import BEGIN, TASK
from tuitrain.events import CheckpointSaved, EpochEnded, OutcomeKind, Step, TrialLimits
from tuitrain.worker.script import MODULE_NAME

MEASURE_ONLY = TrialLimits(batches=5, update=False, regularize=False, validate=False)
OVERFIT = TrialLimits(
    batches=2, iterations=400, regularize=False, validate=False, stop_at_fit=True
)


def test_epochs_are_counted_validated_and_kept(run_script):
    ran = run_script(TASK, TrialLimits(epochs=3))
    assert (ran.status, ran.outcome) == (0, OutcomeKind.COMPLETED)
    ends = [e for e in ran.events if isinstance(e, EpochEnded)]
    assert [(e.epoch, e.iteration) for e in ends] == [(1, 5), (2, 10), (3, 15)]
    assert list(ran.series("loss")) == list(range(1, 16))
    assert list(ran.series("val_loss")) == [5, 10, 15]
    assert list(ran.series("val_accuracy")) == [5, 10, 15]
    saved = [e for e in ran.events if isinstance(e, CheckpointSaved)]
    assert saved[-1].epoch == 3
    assert ran.finished.iteration == 15


def test_validation_points_come_before_the_end_of_their_epoch(run_script):
    ran = run_script(TASK, TrialLimits(epochs=1))
    kinds = [type(event).__name__ for event in ran.events]
    last_points = len(kinds) - 1 - kinds[::-1].index("PointsMeasured")
    assert last_points < kinds.index("EpochEnded") < kinds.index("CheckpointSaved")


def test_the_same_seed_gives_the_same_losses_and_another_seed_others(run_script):
    first = run_script(TASK, trial="0001", seed=3).series("loss")
    assert run_script(TASK, trial="0002", seed=3).series("loss") == first
    assert run_script(TASK, trial="0003", seed=4).series("loss") != first


def test_without_update_the_loss_is_measured_and_no_weight_moves(run_script):
    source = TASK.replace("model=make_model()", "model=remember(make_model())") + (
        "\nkept = []\n"
        "def remember(model):\n"
        "    kept.append((model, [p.detach().clone() for p in model.parameters()]))\n"
        "    return model\n"
    )
    ran = run_script(source, MEASURE_ONLY, step=Step.INITIAL_LOSS)
    ((model, before),) = sys.modules[MODULE_NAME].kept
    for now, then in zip(model.parameters(), before, strict=True):
        assert torch.equal(now, then)
    assert list(ran.series("loss")) == [1, 2, 3, 4, 5]
    assert ran.series("val_loss") == {}
    assert not ran.folder.checkpoint.exists()
    assert ran.described.loss.classes == 3


def test_few_minibatches_are_repeated_until_they_are_fitted(run_script):
    ran = run_script(TASK, OVERFIT, step=Step.OVERFIT_SMALL)
    assert ran.outcome is OutcomeKind.FITTED
    accuracies = list(ran.series("accuracy").values())
    assert accuracies[-2:] == [1.0, 1.0]
    assert ran.finished.iteration % 2 == 0
    assert sum(ran.described.loss.priors) == pytest.approx(1)
    assert not [e for e in ran.events if isinstance(e, EpochEnded)]


def test_what_can_not_be_fitted_stops_at_the_iteration_limit(run_script):
    limits = TrialLimits(batches=2, iterations=7, regularize=False, stop_at_fit=True)
    ran = run_script(TASK, limits, lr=1e-6)
    assert ran.outcome is OutcomeKind.COMPLETED
    assert ran.finished.iteration == 7


def test_a_regression_is_fitted_at_one_percent_of_the_constant_predictor(run_script):
    source = (
        BEGIN
        + """
def task(trial):
    x = torch.randn(16, 4)
    return Task(model=nn.Linear(4, 1), train=TensorDataset(x, x[:, :1] * 3 + 1),
                batch_size=8, loss=nn.MSELoss(),
                optimizer=lambda p: torch.optim.SGD(p, lr=trial.lr))
"""
    )
    ran = run_script(source, OVERFIT, lr=0.1)
    assert ran.outcome is OutcomeKind.FITTED
    facts = ran.described.loss
    assert facts.kind == "mse"
    assert facts.constant_loss is not None
    last = list(ran.series("loss").values())[-2:]
    assert sum(last) / 2 <= 0.01 * facts.constant_loss
    assert ran.series("accuracy") == {}


def test_an_iteration_limit_ends_a_trial_within_an_epoch(run_script):
    ran = run_script(TASK, TrialLimits(iterations=7, validate=False))
    assert ran.finished.iteration == 7
    assert [e.epoch for e in ran.events if isinstance(e, EpochEnded)] == [1]


def test_an_iteration_limit_at_the_end_of_an_epoch_completes_it(run_script):
    ran = run_script(TASK, TrialLimits(iterations=10, validate=False))
    assert [e.epoch for e in ran.events if isinstance(e, EpochEnded)] == [1, 2]


def test_switched_off_regularization_is_named_and_makes_passes_repeatable(run_script):
    limits = TrialLimits(batches=2, epochs=2, update=False, regularize=False)
    ran = run_script(TASK, limits)
    assert ran.described.regularization_off == [
        "Dropout 0.3 in 3",
        "label smoothing 0.1",
    ]
    assert ran.described.loss.label_smoothing == 0.0


def test_regularization_stays_on_where_the_step_does_not_switch_it_off(run_script):
    ran = run_script(TASK, TrialLimits(epochs=1))
    assert ran.described.regularization_off == []
    assert ran.described.loss.label_smoothing == pytest.approx(0.1)


def test_the_task_is_described(run_script):
    described = run_script(TASK, TrialLimits(epochs=1), config={"width": 3}).described
    assert described.parameters == 6 * 16 + 16 + 2 * 16 + 16 * 3 + 3
    assert described.layers == ["0.weight", "4.weight"]
    assert (described.train_samples, described.val_samples) == (40, 12)
    assert (described.batch_size, described.iterations_per_epoch) == (8, 5)
    assert described.metrics == ["loss", "accuracy"]
    assert described.config_read == ["lr", "weight_decay"]
    assert described.device == "cpu"
    assert described.torch == str(torch.__version__)


def test_a_nan_loss_is_kept_and_ends_the_trial(run_script):
    source = TASK.replace(
        "loss=nn.CrossEntropyLoss(label_smoothing=0.1)",
        "loss=lambda o, y: nn.functional.cross_entropy(o, y) * poison(o)",
    ) + (
        "\ncalls = []\n"
        "def poison(o):\n"
        "    calls.append(0)\n"
        "    return float('nan') if len(calls) == 4 else 1.0\n"
    )
    ran = run_script(source, TrialLimits(epochs=2000, validate=False))
    assert (ran.status, ran.outcome) == (0, OutcomeKind.NON_FINITE)
    losses = ran.series("loss")
    assert losses[4] != losses[4]
    assert "iteration 4" in ran.finished.message
    assert not ran.folder.checkpoint.exists()


def test_sigterm_ends_the_trial_at_the_next_iteration(run_script, tmp_path):
    points = tmp_path / "trials" / "0001" / "points.jsonl"

    def stop_when_running() -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if points.exists() and b"PointsMeasured" in points.read_bytes():
                os.kill(os.getpid(), signal.SIGTERM)
                return
            time.sleep(0.01)

    waiting = threading.Thread(target=stop_when_running)
    waiting.start()
    ran = run_script(TASK, TrialLimits(epochs=100_000, validate=False))
    waiting.join()
    assert (ran.status, ran.outcome) == (0, OutcomeKind.STOPPED)
    assert len(ran.series("loss")) == ran.finished.iteration


def test_a_stop_during_validation_leaves_the_epoch_incomplete(run_script):
    source = TASK.replace("val=val_set", "val=Endless()") + (
        "\nimport os, signal\n"
        "class Endless(torch.utils.data.IterableDataset):\n"
        "    def __iter__(self):\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        while True:\n"
        "            yield inputs[0], labels[0]\n"
    )
    ran = run_script(source)
    assert ran.outcome is OutcomeKind.STOPPED
    assert ran.finished.iteration == 5
    assert ran.series("val_loss") == {}
    assert not [e for e in ran.events if isinstance(e, EpochEnded)]


def test_gradients_are_accumulated_clipped_and_counted_as_one_iteration(run_script):
    source = TASK.replace(
        "batch_size=8", "batch_size=8, accumulate=2, clip_grad_norm=1e-3"
    )
    ran = run_script(source, TrialLimits(epochs=2))
    assert [e.iteration for e in ran.events if isinstance(e, EpochEnded)] == [3, 6]
    assert ran.described.iterations_per_epoch == 3
    norms = ran.series("grad_norm")
    assert list(norms) == [1, 2, 3, 4, 5, 6]
    assert min(norms.values()) > 1e-2  # measured before clipping


def test_accumulated_minibatches_give_the_gradient_of_the_whole(run_script):
    plain = TASK.replace("nn.BatchNorm1d(16)", "nn.Identity()").replace("0.3", "0.0")
    whole = run_script(plain.replace("batch_size=8", "batch_size=20"), trial="0001")
    parts = run_script(
        plain.replace("batch_size=8", "batch_size=10, accumulate=2"), trial="0002"
    )
    for name, tensor in whole.checkpoint()["parts"]["model"].items():
        torch.testing.assert_close(parts.checkpoint()["parts"]["model"][name], tensor)


@pytest.mark.parametrize("amp", ["bf16", "fp16"])
def test_mixed_precision_trains(run_script, amp):
    ran = run_script(TASK.replace("batch_size=8", f"batch_size=8, amp={amp!r}"))
    assert ran.outcome is OutcomeKind.COMPLETED
    losses = list(ran.series("loss").values())
    assert len(losses) == 10


def test_schedules_go_on_by_epoch_or_by_iteration(run_script):
    by_epoch = TASK.replace(
        "batch_size=8",
        "batch_size=8, scheduler=lambda o: torch.optim.lr_scheduler.StepLR(o, 1, 0.1)",
    )
    ran = run_script(by_epoch, trial="0001", lr=1.0)
    assert ran.series("lr") == pytest.approx({1: 1.0, 6: 0.1})
    by_iteration = by_epoch.replace(
        "batch_size=8", "batch_size=8, scheduler_every='iteration'"
    )
    ran = run_script(by_iteration, TrialLimits(iterations=3), trial="0002", lr=1.0)
    assert ran.series("lr") == pytest.approx({1: 1.0, 2: 0.1, 3: 0.01})


def test_a_step_without_schedule_leaves_it_out_and_says_so(run_script):
    source = TASK.replace(
        "batch_size=8",
        "batch_size=8, scheduler=lambda o: torch.optim.lr_scheduler.StepLR(o, 1, 0.1)",
    )
    ran = run_script(source, TrialLimits(epochs=2, schedule=False), lr=1.0)
    assert set(ran.series("lr").values()) == {1.0}
    assert "LR schedule" in ran.described.regularization_off


def test_metrics_by_name_are_measured_on_both_sets(run_script):
    source = TASK.replace(
        "batch_size=8", "batch_size=8, metrics={'spread': lambda o, y: o.std()}"
    )
    ran = run_script(source, TrialLimits(epochs=1))
    assert len(ran.series("spread")) == 5
    assert list(ran.series("val_spread")) == [5]
    assert ran.described.metrics == ["loss", "accuracy", "spread"]


def test_validation_is_the_mean_over_samples_not_minibatches(run_script):
    source = TASK.replace("nn.Dropout(0.3)", "nn.Identity()")
    small = run_script(source, TrialLimits(epochs=1), trial="0001").series("val_loss")
    source = source.replace("val=val_set", "val=DataLoader(val_set, batch_size=5)")
    uneven = run_script(source, TrialLimits(epochs=1), trial="0002").series("val_loss")
    assert uneven[5] == pytest.approx(small[5], rel=1e-5)


def test_speed_is_measured(run_script):
    speeds = run_script(TASK).series("samples_per_s")
    assert list(speeds) == [5, 10]
    assert min(speeds.values()) > 0


def test_a_ready_made_loader_and_dict_inputs_are_fine(run_script):
    source = (
        BEGIN
        + """
class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.out = nn.Linear(6, 3)
    def forward(self, first, second):
        return self.out(first + second)

class Pairs(torch.utils.data.Dataset):
    def __len__(self):
        return 10
    def __getitem__(self, index):
        return {"first": inputs[index], "second": inputs[index]}, labels[index]

def task(trial):
    return Task(model=Two(), train=DataLoader(Pairs(), batch_size=5, shuffle=True),
                loss=nn.CrossEntropyLoss())
"""
    )
    ran = run_script(source)
    assert ran.outcome is OutcomeKind.COMPLETED
    assert ran.described.train_samples == 10
    assert len(ran.series("accuracy")) == 4


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_workers_that_are_started_afresh_know_what_the_script_defines(
    run_script, method
):
    source = (
        BEGIN
        + f"""
class Doubled(torch.utils.data.Dataset):
    def __len__(self):
        return 24
    def __getitem__(self, index):
        return 2 * inputs[index], labels[index]

def task(trial):
    train = DataLoader(
        Doubled(), batch_size=8, num_workers=1, multiprocessing_context="{method}"
    )
    return Task(model=make_model(), train=train, loss=nn.CrossEntropyLoss())
"""
    )
    ran = run_script(source, TrialLimits(epochs=1))
    assert ran.outcome is OutcomeKind.COMPLETED, ran.finished.message
    assert list(ran.series("loss")) == [1, 2, 3]


def test_workers_load_the_same_minibatches(run_script):
    here = run_script(TASK, trial="0001").series("loss")
    source = TASK.replace("batch_size=8", "batch_size=8, num_workers=1")
    assert run_script(source, trial="0002").series("loss") == here


def test_lazy_layers_find_their_sizes(run_script):
    source = TASK.replace("nn.Linear(6, 16)", "nn.LazyLinear(16)")
    assert run_script(source).described.layers == ["0.weight", "4.weight"]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("amp", [None, "bf16", "fp16"])
def test_a_gpu_is_used_where_there_is_one(run_script, amp):
    source = TASK.replace("batch_size=8", f"batch_size=8, amp={amp!r}")
    ran = run_script(source, device="GPU-0")
    assert ran.outcome is OutcomeKind.COMPLETED
    assert ran.described.device == "cuda"
    assert ran.described.device_name
    assert len(ran.series("loss")) == 10
    resumed = run_script(
        source,
        TrialLimits(epochs=3),
        trial="0002",
        device="GPU-0",
        resume_from=str(ran.folder.checkpoint),
    )
    assert resumed.finished.iteration == 15
