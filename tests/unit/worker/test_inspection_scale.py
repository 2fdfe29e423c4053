"""Looks at what outputs depend on, and at the scale of a loss that is not asked."""

import math
from typing import Any

import pytest
import torch
from torch import nn

from tests.unit.worker.test_inspection import TRIAL, Loop, make_data, newest
from tuitrain.worker.inspection import Inspector
from tuitrain.worker.inspection.answers import look_at_dependence
from tuitrain.worker.inspection.samples import is_given
from tuitrain.worker.inspection.scale import ScaleLook

CLASSES = 3
TARGETS = {
    "classes": torch.arange(32) % CLASSES,
    "yes or no": (torch.arange(96).reshape(32, CLASSES) % 2).float(),
    "numbers": torch.linspace(-2, 2, 96).reshape(32, CLASSES),
}
LOSSES = {
    "classes": nn.CrossEntropyLoss,
    "yes or no": nn.BCEWithLogitsLoss,
    "numbers": nn.MSELoss,
}


def scale_of(loss, targets, samples: int = 32) -> float | None:
    generator = torch.Generator().manual_seed(1)
    outputs = torch.randn(samples, CLASSES, generator=generator).requires_grad_()
    look = ScaleLook()
    look.see(outputs)
    loss(outputs, targets).backward()
    found = look.compare(targets)
    return None if found is None else float(found)


@pytest.mark.parametrize("kind", LOSSES)
def test_a_sum_over_the_minibatch_is_told_by_what_it_sends_back(kind):
    summed = LOSSES[kind](reduction="sum")
    assert scale_of(summed, TARGETS[kind]) == pytest.approx(32)
    eighth = scale_of(lambda o, t: summed(o, t) / 8, TARGETS[kind])
    assert eighth == pytest.approx(4)


@pytest.mark.parametrize("kind", LOSSES)
def test_a_mean_is_never_more_than_once_the_mean(kind):
    found = scale_of(LOSSES[kind](), TARGETS[kind])
    assert found is not None
    assert found <= 1 + 1e-4


def test_a_loss_of_another_form_has_no_scale():
    smooth = nn.CrossEntropyLoss(label_smoothing=0.2, reduction="sum")
    assert math.isnan(scale_of(smooth, TARGETS["classes"]) or 0.0)
    absolute = nn.L1Loss(reduction="sum")
    assert math.isnan(scale_of(absolute, TARGETS["numbers"]) or 0.0)


def test_gradients_in_half_precision_are_left_alone():
    outputs = torch.randn(8, 3, dtype=torch.bfloat16).requires_grad_()
    look = ScaleLook()
    look.see(outputs)
    outputs.sum().backward()
    assert look.compare(torch.zeros(8, dtype=torch.int64)) is None


def dependence(model):
    inputs = torch.randn(64, 6, generator=torch.Generator().manual_seed(2))
    model.eval()
    with torch.no_grad():
        mixed, chance = look_at_dependence(model, (inputs,), {}, model(inputs))
    assert mixed is not None
    assert chance is not None
    return bool(mixed), float(chance)


class Pairs(nn.Module):
    """Adds to each sample the one so many rows further."""

    def __init__(self, far: int) -> None:
        super().__init__()
        self.layer, self.far = nn.Linear(6, 3), far

    def forward(self, inputs):
        return self.layer(inputs + 0.1 * inputs.roll(self.far, 0))


@pytest.mark.parametrize("far", [1, 2, 3, 16, 32])
def test_samples_that_are_mixed_are_seen_at_any_distance(far):
    mixed, chance = dependence(Pairs(far))
    assert mixed
    assert chance == 0


class Lost(nn.Module):
    """Loses most samples at random."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.layer, self.share = nn.Linear(6, 3), share

    def forward(self, inputs):
        kept = (torch.rand(len(inputs), 1) >= self.share).float()
        return self.layer(inputs * kept)


def test_answers_that_are_chance_are_told_from_those_with_a_little_of_it():
    torch.manual_seed(3)
    assert dependence(Lost(0.9))[1] > 0.7

    class Noisy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(6, 3)

        def forward(self, inputs):
            return self.layer(inputs + 0.05 * torch.randn_like(inputs))

    assert 0 < dependence(Noisy())[1] < 0.2
    assert "input_ignored" not in Loop(Noisy()).findings()
    assert "mixed_samples" not in Loop(Noisy()).findings()
    assert "input_ignored" in Loop(Lost(0.9)).findings()


@pytest.mark.parametrize("is_last", [True, False])
def test_a_relu_counts_where_the_model_ends_with_it_alone(is_last):
    layers = [nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)]
    model = nn.Sequential(*layers, *([nn.ReLU()] if is_last else []))
    found = Loop(model).findings()
    assert ("output_loss_mismatch" in found) is is_last


def test_what_an_embedding_made_is_no_input_without_gradients_either():
    embedding = nn.Embedding(5, 4)
    model = nn.Sequential(embedding, nn.Linear(4, 2))
    symbols = torch.arange(5)
    assert not is_given(embedding(symbols), model)
    with torch.no_grad():
        assert not is_given(embedding(symbols), model)
        assert is_given(torch.ones(3, 6), nn.Linear(6, 2))


def test_a_loss_that_may_not_be_asked_is_weighed_and_never_called():
    told: list[Any] = []
    model = nn.Linear(6, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    look = Inspector(model, [optimizer], trial=TRIAL, put=told.append)
    inputs, targets = make_data(64)
    for _ in range(20):
        look.note_batch(inputs, targets)
        loss = nn.functional.cross_entropy(model(inputs), targets, reduction="sum")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    look.finish()
    assert newest(told).loss_scale == pytest.approx(64, rel=1e-3)
    assert newest(told).batch_loss_ratio is None
