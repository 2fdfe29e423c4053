"""Probes: exact, silent when they fail, and without any influence on training."""

import math

import pytest
import torch
from torch import nn

from tests.unit.worker.conftest import TASK
from tuitrain.events import ProbeFailed, TrialId, TrialLimits
from tuitrain.worker.probes import (
    GradientNorms,
    HeldWeights,
    Schedule,
    StepProbes,
    total_norm,
    unscaled_norm,
)
from tuitrain.worker.readings import PartsReading, Reading, read_rows

OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
    "adamw_fused": lambda p: torch.optim.AdamW(p, lr=0.01, fused=True),
}


class Training:
    """A small training, three iterations of it, with everything handed over kept."""

    def __init__(
        self, make_optimizer, *, probed=True, schedule=None, dtype=None
    ) -> None:
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2)).to(
            dtype
        )
        self.optimizer = make_optimizer(self.model.parameters())
        self.handed: list[Reading | PartsReading | ProbeFailed] = []
        self.iteration = 0
        self.handles: list[StepProbes] = []
        if probed:
            probes = StepProbes(
                self.optimizer,
                self.model.named_parameters(),
                trial=TrialId("0001"),
                put=self.handed.append,
                iteration=lambda: self.iteration,
                schedule=schedule or Schedule(),
            )
            self.handles.append(probes)

    def step(self) -> None:
        self.iteration += 1
        generator = torch.Generator().manual_seed(self.iteration)
        dtype = next(self.model.parameters()).dtype
        inputs = torch.randn(8, 5, generator=generator).to(dtype)
        self.optimizer.zero_grad()
        self.model(inputs).square().mean().backward()
        self.optimizer.step()

    def weight(self, layer: int) -> torch.Tensor:
        return self.model.get_parameter(f"{layer}.weight")

    def weights(self) -> list[torch.Tensor]:
        return [each.detach().clone() for each in self.model.parameters()]

    def grads(self) -> list[torch.Tensor]:
        return [p.grad for p in self.model.parameters() if p.grad is not None]

    def measured(self) -> dict[int, dict[str, float]]:
        readings = [each for each in self.handed if not isinstance(each, ProbeFailed)]
        rows, problems = read_rows(readings)
        assert problems == {}
        merged: dict[int, dict[str, float]] = {}
        for iteration, values in rows:
            merged.setdefault(iteration, {}).update(values)
        return merged


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_update_ratio_is_exact(name):
    training = Training(OPTIMIZERS[name])
    expected = {}
    for iteration in (1, 2, 3):
        before = training.weights()[::2]
        training.step()
        after = training.weights()[::2]
        expected[iteration] = [
            ((b - a).double().norm() / a.double().norm()).item()
            for a, b in zip(before, after, strict=True)
        ]
    measured = training.measured()
    for iteration, ratios in expected.items():
        found = [measured[iteration][f"update_ratio/{i}.weight"] for i in (0, 2)]
        assert found == pytest.approx(ratios, rel=1e-5)
        assert "update_ratio/0.bias" not in measured[iteration]


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_weights_of_other_types_are_measured_as_exactly(dtype):
    training = Training(OPTIMIZERS["sgd"], dtype=dtype)
    before = training.weights()[0]
    training.step()
    after = training.weights()[0]
    expected = (
        (after.double() - before.double()).norm() / before.double().norm()
    ).item()
    found = training.measured()[1]["update_ratio/0.weight"]
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weights_are_bit_for_bit_those_without_probes(name):
    probed, plain = Training(OPTIMIZERS[name]), Training(OPTIMIZERS[name], probed=False)
    for _ in range(3):
        probed.step()
        plain.step()
    for one, other in zip(probed.weights(), plain.weights(), strict=True):
        assert torch.equal(one, other)


def test_the_gradient_norm_is_measured_five_times_as_often_as_the_ratio():
    schedule = Schedule(first=3, every=20)
    due = [i for i in range(1, 13) if schedule.is_norm_due(i)]
    assert due == [1, 2, 3, 4, 8, 12]
    assert not Schedule(first=0, every=0).is_norm_due(4)


def test_the_gradient_norm_is_that_of_all_gradients():
    training = Training(OPTIMIZERS["sgd"])
    training.step()
    grads = torch.cat([g.reshape(-1) for g in training.grads()])
    found = training.measured()[1]["grad_norm"]
    assert found == pytest.approx(grads.double().norm().item(), rel=1e-6)


def test_sparse_and_mixed_gradients_have_one_norm():
    table = nn.Embedding(4, 3, sparse=True)
    wide = nn.Parameter(torch.ones(2, dtype=torch.float64))
    unused = nn.Parameter(torch.ones(1))
    (table(torch.tensor([1, 1])).sum() + (3 * wide).sum().float()).backward()
    # Row 1 was used twice: three gradients of 2; and two of 3.
    norms = GradientNorms()
    for _ in range(2):
        measured = norms.measure([*table.parameters(), wide, unused])
        numbers = torch.stack(list(measured)).tolist()
        assert total_norm(numbers) == [pytest.approx(math.sqrt(3 * 4 + 2 * 9))]
    assert not norms.measure([unused])
    # What is alike at first need not stay so.
    assert [norm.item() for norm in norms.measure([wide])] == [math.sqrt(2 * 9)]
    measured = norms.measure([*table.parameters(), wide])
    numbers = torch.stack(list(measured)).tolist()
    assert total_norm(numbers) == [pytest.approx(math.sqrt(3 * 4 + 2 * 9))]


def test_a_norm_without_a_number_is_none_either():
    assert math.isnan(total_norm([1.0, math.nan])[0])
    assert total_norm([1.0, math.inf]) == [math.inf]
    assert total_norm([1e200, 1.0]) == [1e200]
    assert unscaled_norm([8.0, 4.0]) == [2.0]
    assert unscaled_norm([8.0, 0.0]) == [math.inf]


def test_the_schedule_measures_the_first_iterations_and_then_some():
    due = [i for i in range(1, 101) if Schedule(first=3, every=20).is_due(i)]
    assert due == [1, 2, 3, 20, 40, 60, 80, 100]
    assert not Schedule(first=0, every=0).is_due(1)


@pytest.mark.parametrize(
    ("first", "every"), [(3, 20), (0, 20), (20, 7), (5, 1), (4, 0)]
)
def test_the_next_iteration_that_is_measured_is_known_in_advance(first, every):
    schedule = Schedule(first, every)
    measured = [
        i for i in range(1, 101) if schedule.is_due(i) or schedule.is_norm_due(i)
    ]
    found, at = [], schedule.next_after(0)
    while at <= 100:
        found.append(at)
        at = schedule.next_after(at)
    assert found == measured


def test_the_update_ratio_follows_the_trial_s_schedule(run_script):
    limits = TrialLimits(iterations=10, validate=False)
    ran = run_script(TASK, limits, probe_first=2, probe_every=4)
    assert list(ran.series("update_ratio/0.weight")) == [1, 2, 4, 8]
    assert list(ran.series("grad_norm")) == list(range(1, 11))


def test_the_lr_is_noted_when_it_changes_and_when_an_epoch_begins():
    training = Training(OPTIMIZERS["sgd"])
    training.step()
    training.step()
    training.optimizer.param_groups[0]["lr"] = 0.01
    training.step()
    training.handles[0].begin_epoch()
    training.step()
    noted = {i: v["lr"] for i, v in training.measured().items() if "lr" in v}
    assert noted == {1: 0.1, 3: 0.01, 4: 0.01}


def test_a_weight_that_is_all_zero_is_infinitely_changed_or_not_a_number():
    training = Training(OPTIMIZERS["sgd"])
    with torch.no_grad():
        training.weight(2).zero_()
    training.step()
    assert math.isinf(training.measured()[1]["update_ratio/2.weight"])
    still = Training(lambda p: torch.optim.SGD(p, lr=0.0))
    with torch.no_grad():
        still.weight(2).zero_()
    still.step()
    assert math.isnan(still.measured()[1]["update_ratio/2.weight"])
    assert still.measured()[1]["update_ratio/0.weight"] == 0.0


def test_an_update_that_a_fused_optimizer_skips_gives_no_reading():
    training = Training(OPTIMIZERS["adamw_fused"])
    training.optimizer.found_inf = torch.tensor(1.0)
    training.optimizer.grad_scale = torch.tensor(4.0)
    training.step()
    assert set(training.measured()[1]) == {"lr"}
    training.optimizer.found_inf = torch.tensor(0.0)
    training.step()
    norm = training.measured()[2]["grad_norm"]
    grads = torch.cat([g.reshape(-1) for g in training.grads()])
    assert norm == pytest.approx(grads.norm().item(), rel=1e-4)


def test_an_update_that_a_scaler_skips_gives_no_reading():
    training = Training(OPTIMIZERS["sgd"])
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**60)
    training.iteration = 1
    loss = training.model(torch.full((1, 5), 1e30)).sum()
    scaler.scale(loss).backward()
    before = training.weights()
    scaler.step(training.optimizer)
    assert all(
        torch.equal(a, b) for a, b in zip(before, training.weights(), strict=True)
    )
    assert training.handed == []


def test_a_probe_that_fails_says_so_once_and_leaves_the_others_alone(monkeypatch):
    def fail(_):
        raise RuntimeError("no such kernel\nand more")

    monkeypatch.setattr("tuitrain.worker.probes._norms_of", fail)
    training = Training(OPTIMIZERS["sgd"])
    training.step()
    training.step()
    failures = [each for each in training.handed if isinstance(each, ProbeFailed)]
    assert [(e.probe, e.error) for e in failures] == [
        ("grad_norm", "RuntimeError: no such kernel")
    ]
    assert "update_ratio/0.weight" in training.measured()[2]


def test_probes_that_are_removed_measure_nothing():
    training = Training(OPTIMIZERS["sgd"])
    training.handles[0].remove()
    training.handles[0].remove()
    training.step()
    assert training.handed == []


def test_parameters_outside_the_model_get_names_of_their_own():
    training = Training(OPTIMIZERS["sgd"], probed=False)
    extra = nn.Parameter(torch.ones(2, 2))
    training.optimizer.add_param_group({"params": [extra]})
    probes = StepProbes(
        training.optimizer,
        training.model.named_parameters(),
        trial=TrialId("0001"),
        put=training.handed.append,
        iteration=lambda: 1,
        schedule=Schedule(),
        suffix="/1",
    )
    assert probes.layers == ["0.weight", "2.weight", "parameter_0"]
    training.step()
    assert {"lr/1", "grad_norm/1"} <= set(training.measured()[1])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_held_weights_do_not_move_and_move_again_when_let_go(name):
    training = Training(OPTIMIZERS[name], probed=False)
    held = HeldWeights(training.optimizer)
    before = training.weights()
    training.step()
    training.step()
    assert all(
        torch.equal(a, b) for a, b in zip(before, training.weights(), strict=True)
    )
    held.remove()
    training.step()
    assert not torch.equal(before[0], training.weights()[0])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_on_a_gpu_probes_are_exact_and_never_wait():
    training = Training(OPTIMIZERS["adamw"], probed=False)
    training.model.cuda()
    training.optimizer = OPTIMIZERS["adamw"](training.model.parameters())
    StepProbes(
        training.optimizer,
        training.model.named_parameters(),
        trial=TrialId("0001"),
        put=training.handed.append,
        iteration=lambda: 1,
        schedule=Schedule(),
    )
    before = training.weights()[0]
    training.model(torch.randn(8, 5, device="cuda")).square().mean().backward()
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        training.optimizer.step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    after = training.weights()[0]
    expected = ((after - before).norm() / before.norm()).item()
    assert training.measured()[1]["update_ratio/0.weight"] == pytest.approx(
        expected, rel=1e-5
    )
