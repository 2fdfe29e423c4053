"""Looks inside that take a short way see what the long one shows."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.unit.worker.test_inspection import Loop, make_model
from tuitrain.worker.inspection import reading
from tuitrain.worker.inspection.answers import OutputLook, look_at_dependence
from tuitrain.worker.inspection.gradients import StaleGradients
from tuitrain.worker.inspection.modes import ModeLook
from tuitrain.worker.inspection.samples import InputLook
from tuitrain.worker.inspection.units import undisturbed


class Partners(nn.Module):
    """Each sample gets something of another one."""

    def __init__(self, partner: Any):
        super().__init__()
        self.partner, self.last = partner, nn.Linear(6, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        partners = inputs[self.partner(torch.arange(len(inputs)))]
        outputs: Tensor = self.last(inputs + partners)
        return outputs


PARTNERS = {
    "neighbours": lambda rows: rows ^ 1 if len(rows) % 2 == 0 else rows.flip(0),
    "the one before": lambda rows: rows.roll(1),
    "halves": lambda rows: rows.roll(len(rows) // 2),
    "thirds": lambda rows: rows.roll(len(rows) // 3),
    "mirrored": lambda rows: rows.flip(0),
}


def mixes(model: nn.Module, samples: int) -> bool:
    inputs = torch.randn(samples, 6, generator=torch.Generator().manual_seed(samples))
    with undisturbed(model):
        found, _ = look_at_dependence(model, (inputs,), {}, model(inputs))
    assert found is not None
    return bool(found)


@pytest.mark.parametrize("samples", [3, 4, 5, 11, 12, 13, 16, 24, 32, 64])
@pytest.mark.parametrize("name", PARTNERS)
def test_samples_that_are_mixed_are_seen_whoever_their_partner_is(name, samples):
    assert mixes(Partners(PARTNERS[name]), samples)
    assert not mixes(Partners(lambda rows: rows), samples)


@pytest.mark.parametrize("samples", [3, 12, 32])
def test_a_mean_over_the_minibatch_is_a_mixture(samples):
    assert mixes(nn.BatchNorm1d(6, track_running_stats=False), samples)
    assert not mixes(make_model(), samples)


def test_gradients_set_to_zero_are_zeroed_ones():
    class Zeroing(Loop):
        def run(self, iterations: int = 24) -> Any:
            self.optimizer.zero_grad = self._zero  # type: ignore[method-assign]
            return super().run(iterations)

        def _zero(self, set_to_none: bool = False) -> None:
            for each in self.model.parameters():
                each.grad = torch.zeros_like(each)

    found = Zeroing().run()
    assert (found.stale_checked, found.stale) == (19, 0)
    kept = Loop(zeroes=False).run()
    assert (kept.stale_checked, kept.stale) == (19, 19)


@pytest.mark.parametrize("module", [nn.Linear(5, 3), nn.Conv1d(4, 3, 1)])
def test_inputs_are_added_up_at_once_as_they_are_later(module, monkeypatch):
    minibatches = [1e3 * torch.randn(32, 4, 5) + 7 for _ in range(6)]
    minibatches[2][3, 1, 2] = float("nan")
    told = []
    for most in (reading.MOST_KEPT_BYTES, 3 * minibatches[0].nbytes, 0):
        monkeypatch.setattr(reading, "MOST_KEPT_BYTES", most)
        look = InputLook("first", module)
        for each in minibatches:
            look.see(each)
        told.append(look.reader()())
    assert told[0] is not None
    assert told[0].not_finite == 1
    assert told[0] == told[1] == told[2]


def test_a_reader_tells_what_was_there_when_it_was_made():
    look = InputLook("first", nn.Linear(6, 3))
    look.see(torch.ones(8, 6))
    first = look.reader()
    look.see(torch.full((8, 6), 3.0))
    before, after = first(), look.reader()()
    assert before is not None
    assert after is not None
    assert (before.samples, before.mean) == (8, 1.0)
    assert (after.samples, after.mean) == (16, 2.0)
    look.forget()
    assert look.reader()() == after


@pytest.mark.parametrize("most", [reading.MOST_KEPT_BYTES, 0])
def test_one_minibatch_that_is_no_distribution_is_enough(most, monkeypatch):
    monkeypatch.setattr(reading, "MOST_KEPT_BYTES", most)
    look = OutputLook()
    for sharpness in (1.0, 2.0):
        look.see((sharpness * torch.randn(8, 3)).softmax(1))
    facts = look.reader()()
    assert bool(facts.probabilities)
    assert not bool(facts.log_probabilities)
    look.see(torch.randn(5, 3))
    facts = look.reader()()
    assert not bool(facts.probabilities)
    assert not bool(facts.in_unit)


def test_a_mode_counts_from_the_pass_that_changed_it():
    model: Any = make_model()
    look = ModeLook(model)
    for _ in range(30):
        look()
    assert look.off_in_training == []
    model[3].eval()
    for _ in range(19):
        look()
    assert look.off_in_training == []
    look()
    assert look.off_in_training == ["3"]
    with torch.no_grad():
        look()
    assert look.on_in_validation == ["1"]
    model[3].train()
    look()
    assert look.off_in_training == []


def test_modes_are_looked_at_until_enough_passes_follow_a_validation():
    model: Any = make_model()
    inputs = torch.randn(16, 6)
    look = ModeLook(model)
    look.begin()
    for _ in range(50):
        model(inputs)
    model.eval()
    with torch.no_grad():
        model(inputs)
    for _ in range(19):
        model(inputs)
    assert look.off_in_training == []
    model(inputs)
    assert look.off_in_training == ["1", "3"]
    # Enough is seen, so what comes now goes unnoticed until it is asked again.
    model.train()
    for _ in range(20):
        model(inputs)
    assert look.off_in_training == ["1", "3"]
    look.begin()
    model(inputs)
    assert look.off_in_training == []


def test_looks_that_end_leave_a_script_s_own_hooks_and_no_empty_set_of_them():
    model: Any = make_model()
    own, free = model[0].bias, model[4].bias
    called: list[str] = []
    own.register_hook(lambda _: called.append("own"))
    look = StaleGradients([own, free])
    look.remove()
    assert free._backward_hooks is None
    # What is registered later works as ever.
    free.register_hook(lambda _: called.append("later"))
    look.remove()
    model(torch.randn(8, 6)).sum().backward()
    assert sorted(called) == ["later", "own"]
