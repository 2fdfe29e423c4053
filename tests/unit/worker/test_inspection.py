"""Looks inside a training process: each bug is found, and nothing is changed by it."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows it by
from torch import nn

from tuitrain.diagnosis import Curves, look_inside
from tuitrain.events import Inspection, LossFacts, ProbeFailed, TaskInspected, TrialId
from tuitrain.worker.inspection import Inspector, Sources
from tuitrain.worker.inspection.samples import count_twins, measure_signal
from tuitrain.worker.loss_facts import recognize
from tuitrain.worker.readings import Deferred

TRIAL = TrialId("0001")


def make_data(samples: int = 320, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(samples, 6, generator=generator)
    return inputs, (inputs[:, 0] > 0).long() + (inputs[:, 1] > 0).long()


def make_model(seed: int = 0) -> Any:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(6, 32),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Dropout(0.1),
        nn.Linear(32, 3),
    )


def newest(told: list[Any]) -> Inspection:
    """Return what was told last, which is all that a sender who is late makes of it."""
    last = [each for each in told if isinstance(each, Deferred)][-1].make()
    assert isinstance(last, TaskInspected)
    return last.found


class Loop:
    """A training loop with room for a bug in it."""

    zeroes = True
    accumulate = 1
    clips = False
    trains_in = True
    validates_in: bool | None = None

    def __init__(self, model=None, loss=None, data=None, **changes):
        self.model: Any = make_model() if model is None else model
        self.loss: Any = nn.CrossEntropyLoss() if loss is None else loss
        self.inputs, self.targets = make_data() if data is None else data
        self.optimizer: torch.optim.Optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=1e-3
        )
        self.sources: Sources | None = None
        self.is_inspected = True
        vars(self).update(changes)

    def run(self, iterations: int = 24) -> Inspection:
        told: list[Any] = []
        inspector = self._inspect(told) if self.is_inspected else None
        if self.trains_in is not None:
            self.model.train(self.trains_in)
        for iteration in range(iterations):
            for part in range(self.accumulate):
                start = 16 * (iteration * self.accumulate + part) % 320
                inputs = self.inputs[start : start + 16]
                targets = self.targets[start : start + 16]
                if inspector is not None and not isinstance(self.loss, nn.Module):
                    inspector.note_batch(inputs, targets)
                self.loss(self.model(inputs), targets).backward()
            if self.clips:
                nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            if self.zeroes:
                self.optimizer.zero_grad()
            if self.validates_in is not None and iteration % 8 == 7:
                self.model.train(self.validates_in)
                with torch.no_grad():
                    self.model(self.inputs)
                self.model.train()
        if inspector is None:
            return Inspection(iterations=0)
        inspector.finish()
        assert not [each for each in told if isinstance(each, ProbeFailed)]
        return newest(told)

    def _inspect(self, told: list[Any]) -> Inspector:
        return Inspector(
            self.model,
            [self.optimizer],
            trial=TRIAL,
            put=told.append,
            loss=self.loss,
            sources=self.sources,
        )

    def findings(self, iterations: int = 24) -> set[str]:
        found = self.run(iterations)
        facts = LossFacts(name="loss", kind=recognize(self.loss).kind, classes=3)
        return {f.kind for f in look_inside(Curves(inspection=found, facts=facts))}


def without(module: type[nn.Module]) -> Any:
    return nn.Sequential(*[m for m in make_model() if not isinstance(m, module)])


class Detached(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(6, 16), nn.Linear(16, 3)

    def forward(self, inputs):
        return self.last(self.first(inputs).relu().detach())


class Mixing(nn.Module):
    """Rows of one sample end up in another: `view` where a transpose is meant."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(6, 16), nn.Linear(16, 3)

    def forward(self, inputs):
        hidden = self.first(inputs)
        hidden = hidden.t().contiguous().view(hidden.shape)
        return self.last(hidden.relu())


class Blind(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = make_model()

    def forward(self, inputs):
        return self.body(inputs * 0)


def alike() -> Any:
    model = without(nn.BatchNorm1d)
    nn.init.constant_(model[0].weight, 0.1)
    nn.init.constant_(model[0].bias, 0.0)
    nn.init.constant_(model[-1].weight, 0.1)
    return without_dropout(model)


def without_dropout(model: Any) -> Any:
    return nn.Sequential(*[m for m in model if not isinstance(m, nn.Dropout)])


def regression():
    inputs, _ = make_data()
    return inputs, inputs[:, 0].clone()


def half_optimized() -> Loop:
    loop = Loop()
    loop.optimizer = torch.optim.AdamW(loop.model[-1].parameters(), lr=1e-3)
    return loop


BUGS = {
    "gradients_not_zeroed": lambda: Loop(zeroes=False),
    "no_gradient": lambda: Loop(Detached()),
    "not_in_optimizer": half_optimized,
    "wrong_mode": lambda: Loop(trains_in=False),
    "mixed_samples": lambda: Loop(Mixing()),
    "input_ignored": lambda: Loop(Blind()),
    "symmetric_initialization": lambda: Loop(alike()),
    "wrong_reduction": lambda: Loop(loss=nn.CrossEntropyLoss(reduction="sum")),
    "output_loss_mismatch": lambda: Loop(
        nn.Sequential(*make_model(), nn.Softmax(dim=1))
    ),
    "unnormalized_inputs": lambda: Loop(
        without(nn.BatchNorm1d), data=(255 * make_data()[0].abs(), make_data()[1])
    ),
    "non_finite": lambda: Loop(
        data=(make_data()[0].masked_fill(make_data()[0] > 2.8, float("nan")),) * 1
        + (make_data()[1],)
    ),
}


@pytest.mark.parametrize("kind", BUGS)
def test_each_bug_is_found_within_twenty_iterations(kind):
    assert kind in BUGS[kind]().findings(iterations=20)


CORRECT = {
    "plain": lambda: Loop(),
    "accumulation": lambda: Loop(accumulate=4),
    "clipping": lambda: Loop(clips=True),
    "function as loss": lambda: Loop(loss=F.cross_entropy),
    "validation": lambda: Loop(validates_in=False),
    "log-softmax and NLL": lambda: Loop(
        nn.Sequential(*make_model(), nn.LogSoftmax(dim=1)), nn.NLLLoss()
    ),
    "head at zero": lambda: Loop(_with_head_at_zero()),
    "frozen": lambda: Loop(_frozen()),
    "tied": lambda: Loop(Tied(), nn.MSELoss(), (make_data()[0], make_data()[0])),
    "regression": lambda: Loop(
        nn.Sequential(nn.Linear(6, 1), nn.Flatten(0)), nn.MSELoss(), regression()
    ),
    "SGD": lambda: _with_sgd(),
}


def _with_head_at_zero() -> Any:
    model = make_model()
    nn.init.zeros_(model[-1].weight)
    return model


def _frozen() -> Any:
    model = make_model()
    model[0].requires_grad_(False)
    return model


def _with_sgd() -> Loop:
    loop = Loop()
    loop.optimizer = torch.optim.SGD(loop.model.parameters(), lr=0.1, momentum=0.9)
    return loop


class Tied(nn.Module):
    """An autoencoder whose decoder is its encoder, transposed."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(6, 4)

    def forward(self, inputs):
        return F.linear(self.first(inputs).relu(), self.first.weight.t())


@pytest.mark.parametrize("name", CORRECT)
def test_a_correct_loop_has_no_finding(name):
    assert CORRECT[name]().findings() == set()


def test_validation_in_training_mode_is_told():
    assert Loop(validates_in=True).run().on_in_validation == ["1", "3"]


def test_two_optimizers_that_take_turns_are_no_stale_gradients():
    """A generator's pass leaves gradients in the discriminator, which zeroes its own."""
    maker, judge = nn.Linear(4, 6), nn.Linear(6, 1)
    both = nn.ModuleDict({"maker": maker, "judge": judge})
    optimizers = [
        torch.optim.SGD(each.parameters(), lr=0.01) for each in (judge, maker)
    ]
    told: list[Any] = []
    inspector = Inspector(both, optimizers, trial=TRIAL, put=told.append)
    for _ in range(20):
        noise, real = torch.randn(8, 4), torch.randn(8, 6)
        optimizers[0].zero_grad()
        F.softplus(-judge(real)).mean().backward()
        F.softplus(judge(maker(noise).detach())).mean().backward()
        optimizers[0].step()
        optimizers[1].zero_grad()
        judge(maker(noise)).mean().backward()
        optimizers[1].step()
    inspector.finish()
    found = newest(told)
    assert (found.stale, found.not_in_optimizer, found.no_gradient) == (0, [], [])


@pytest.mark.filterwarnings("ignore:Using a target size")
def test_outputs_and_targets_that_broadcast_are_told():
    model = nn.Linear(6, 1)
    loop = Loop(model, nn.MSELoss(), regression())
    assert "output_loss_mismatch" in loop.findings()


def test_a_sigmoid_before_a_loss_with_logits_is_told():
    inputs, target = regression()
    target = (target > 0).float()[:, None]
    model = nn.Sequential(nn.Linear(6, 1), nn.Sigmoid())
    loop = Loop(model, nn.BCEWithLogitsLoss(), (inputs, target))
    assert "output_loss_mismatch" in loop.findings()


class Counting(nn.Module):
    """Keeps what a look must not leave a trace in."""

    def __init__(self):
        super().__init__()
        self.body = make_model(3)
        self.calls = 0
        self.history: list[int] = []
        self.seen: torch.Tensor
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, inputs):
        self.calls += 1
        self.history.append(self.calls)
        self.seen += 1
        return self.body(inputs) + 0.01 * torch.randn(3)


@pytest.mark.parametrize("make", [make_model, Counting])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_training_is_bit_for_bit_what_it_is_without_looks(make, accumulate):
    runs = []
    for is_inspected in (True, False):
        torch.manual_seed(5)
        model = make()
        torch.manual_seed(6)
        loop = Loop(model, accumulate=accumulate, is_inspected=is_inspected)
        loop.run(45)
        runs.append((model, torch.get_rng_state()))
    (first, random), (second, other) = runs
    assert torch.equal(random, other)
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name
    assert getattr(first, "calls", 0) == getattr(second, "calls", 0)
    assert getattr(first, "history", 0) == getattr(second, "history", 0)
    assert first.training is second.training


def test_all_hooks_are_gone_at_the_end():
    loop = Loop()
    loop.run()
    for module in [*loop.model.modules(), loop.loss]:
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
    assert not loop.optimizer._optimizer_step_pre_hooks
    assert not any(each._backward_hooks for each in loop.model.parameters())


def test_dead_and_saturated_units_are_counted():
    model: Any = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.Tanh())
    model.append(nn.Linear(8, 3))
    nn.init.constant_(model[0].bias, -1e3)
    nn.init.constant_(model[2].bias, 1e2)
    found = Loop(model).run()
    units = {unit.name: unit for unit in found.units_at_start}
    assert units["relu after 0"].dead == 1.0
    assert units["tanh after 2"].saturated == 1.0
    assert units["relu after 0"].units == 8


def test_signal_is_told_from_none():
    inputs, targets = make_data(400)
    found = measure_signal(inputs, targets)
    assert found is not None
    assert found.linear > found.chance + 5 * found.error
    shuffled = targets[torch.randperm(400, generator=torch.Generator().manual_seed(1))]
    none = measure_signal(inputs, shuffled)
    assert none is not None
    assert max(none.linear, none.neighbour) < none.chance + 3 * none.error
    numbers = measure_signal(inputs, inputs[:, 0] + 0.1 * inputs[:, 1])
    assert numbers is not None
    assert numbers.linear > 0.9


def test_twins_are_counted():
    inputs, targets = make_data(200)
    sources = Sources(
        (inputs[:150], targets[:150]), (inputs[140:190], targets[140:190])
    )
    found = count_twins(sources)
    assert found is not None
    assert list(found) == [pytest.approx(0.2), 0.0, 0.0]
    assert count_twins(Sources((inputs[:100],), (inputs[100:],))) == (0.0, 0.0, 0.0)


def test_a_look_that_fails_is_off_and_training_goes_on():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.calls = make_model(), 0

        def forward(self, inputs):
            if not torch.is_grad_enabled():
                raise RuntimeError("only with gradients")
            return self.body(inputs)

    told: list[Any] = []
    model = Odd()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    inspector = Inspector(model, [optimizer], trial=TRIAL, put=told.append)
    inputs, targets = make_data(16)
    for _ in range(3):
        F.cross_entropy(model(inputs), targets).backward()
        optimizer.step()
        optimizer.zero_grad()
    inspector.finish()
    failed = [each for each in told if isinstance(each, ProbeFailed)]
    assert {each.probe for each in failed} == {"answers", "units"}
    assert "only with gradients" in failed[0].error
