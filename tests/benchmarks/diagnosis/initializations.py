"""Healthy initializations: none of them may be told that its loss starts wrong.

Small models of several kinds as torch initializes them, on standardized inputs, with
losses of several kinds; each is measured as step 1 does it. Run as a program it counts:

    python -m tests.benchmarks.diagnosis.initializations
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from tuitrain.diagnosis import (
    expected_initial_loss,
    find_initial_loss_mismatch,
    measure_initial_loss,
)
from tuitrain.events import Finding, LossFacts, Severity
from tuitrain.worker.loss_facts import describe_loss

MINIBATCHES: Final = 5
INITIALIZATIONS: Final = 3
ACTIVATIONS: Final = (nn.ReLU, nn.Tanh, nn.GELU)


@dataclass(frozen=True)
class Initialization:
    """One kind of model with one kind of loss."""

    name: str
    make_model: Callable[[], nn.Module]
    loss: nn.Module
    batches: list[tuple[Tensor, Tensor]]


class Recurrent(nn.Module):
    """A GRU whose last state is read out."""

    def __init__(self, features: int, width: int, outputs: int) -> None:
        super().__init__()
        self.body = nn.GRU(features, width, batch_first=True)
        self.head = nn.Linear(width, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        states: Tensor = self.body(inputs)[0]
        out: Tensor = self.head(states[:, -1])
        return out


class Attending(nn.Module):
    """A transformer's encoder whose mean state is read out."""

    def __init__(self, features: int, width: int, outputs: int) -> None:
        super().__init__()
        self.embed = nn.Linear(features, width)
        layer = nn.TransformerEncoderLayer(
            width, 2, 2 * width, dropout=0.0, batch_first=True
        )
        self.body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(width, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        states: Tensor = self.body(self.embed(inputs))
        out: Tensor = self.head(states.mean(1))
        return out


Maker = Callable[[int], nn.Module]
"""Makes a model with so many outputs."""


def count_false_failures(count: int = 300, seed: int = 0) -> tuple[int, int]:
    """Return how many healthy initializations got a finding, and of how many.

    Only findings from `medium` on count: those fail or warn.
    """
    false = 0
    for index in range(count):
        _, finding = judge(draw(seed + index))
        is_false = finding is not None and finding.severity.rank >= Severity.MEDIUM.rank
        false += is_false
    return false, count


def judge(drawn: Initialization) -> tuple[LossFacts, Finding | None]:
    """Measure an initialization as step 1 does, and return what is found.

    Raises:
        LookupError: The loss has no expected value, so nothing was judged.
    """
    losses, outputs = [], torch.zeros(0)
    with torch.no_grad():
        for _ in range(INITIALIZATIONS):
            model = drawn.make_model()
            values = []
            for inputs, targets in drawn.batches:
                outputs = model(inputs)
                values.append(float(drawn.loss(outputs, targets)))
            losses.append(np.array(values))
    facts = describe_loss(
        drawn.loss,
        outputs=outputs,
        targets=[targets for _, targets in drawn.batches],
        batch_size=len(drawn.batches[0][1]),
    )
    measured, expected = measure_initial_loss(losses), expected_initial_loss(facts)
    if measured is None or expected is None:
        raise LookupError(f"no expected loss for {drawn.name}")
    return facts, find_initial_loss_mismatch(measured, expected, facts)


def draw(seed: int) -> Initialization:
    """Return the initialization of this number, the same every time.

    All of torch's random numbers that follow, the weights' too, depend on it.
    """
    chance = random.Random(seed)
    torch.manual_seed(seed)
    batch = chance.choice([8, 16, 32, 64])
    name, shape, make = _draw_model(chance)
    loss, outputs, targets = _draw_loss(chance, MINIBATCHES * batch)
    inputs = torch.randn(MINIBATCHES * batch, *shape)
    batches = list(zip(inputs.split(batch), targets.split(batch), strict=True))
    return Initialization(
        name=f"{name}, {outputs} outputs, {loss}",
        make_model=lambda: make(outputs),
        loss=loss,
        batches=batches,
    )


def _draw_model(chance: random.Random) -> tuple[str, tuple[int, ...], Maker]:
    features, width = chance.choice([4, 16, 64]), chance.choice([16, 32, 64])
    activation = chance.choice(ACTIVATIONS)
    match chance.choice(["linear", "mlp", "mlp", "cnn", "cnn", "gru", "transformer"]):
        case "linear":
            return "linear", (features,), lambda outputs: nn.Linear(features, outputs)
        case "mlp":
            depth = chance.randint(1, 5)
            return (
                f"MLP {depth} × {width} {activation.__name__}",
                (features,),
                lambda outputs: _make_mlp(features, width, depth, activation, outputs),
            )
        case "cnn":
            has_norm = chance.random() < 0.5
            return (
                f"CNN {width} {'with' if has_norm else 'without'} batch norm",
                (3, 12, 12),
                lambda outputs: _make_cnn(width, activation, outputs, norm=has_norm),
            )
        case "gru":
            return "GRU", (8, features), lambda n: Recurrent(features, width, n)
        case _:
            return "transformer", (8, features), lambda n: Attending(features, width, n)


def _make_mlp(
    features: int,
    width: int,
    depth: int,
    activation: type[nn.Module],
    outputs: int,
) -> nn.Module:
    layers: list[nn.Module] = []
    for size in [features, *[width] * (depth - 1)]:
        layers += [nn.Linear(size, width), activation()]
    return nn.Sequential(*layers, nn.Linear(width, outputs))


def _make_cnn(
    width: int, activation: type[nn.Module], outputs: int, *, norm: bool
) -> nn.Module:
    layers: list[nn.Module] = []
    for size in (3, width):
        layers.append(nn.Conv2d(size, width, 3, padding=1))
        if norm:
            layers.append(nn.BatchNorm2d(width))
        layers += [activation(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(9 * width, outputs))


def _draw_loss(chance: random.Random, samples: int) -> tuple[nn.Module, int, Tensor]:
    """Return a loss, how many outputs it wants, and targets."""
    kind = chance.choice(
        ["cross_entropy"] * 4 + ["hinge", "bce", "mse", "l1", "smooth_l1", "huber"]
    )
    if kind in ("cross_entropy", "hinge"):
        classes = chance.randint(2, 50)
        # Some classes are rarer than others, by a factor of ten in the worst case.
        shares = 1 + chance.choice([0.0, 1.0, 9.0]) * torch.rand(classes)
        labels = torch.multinomial(shares, samples, replacement=True)
        if kind == "hinge":
            return nn.MultiMarginLoss(p=chance.choice([1, 2])), classes, labels
        weight = 1 / shares if chance.random() < 0.5 else None
        smoothing = chance.choice([0.0, 0.1])
        return (
            nn.CrossEntropyLoss(weight=weight, label_smoothing=smoothing),
            classes,
            labels,
        )
    outputs = chance.randint(1, 10)
    if kind == "bce":
        share = chance.uniform(0.05, 0.95)
        answers = (torch.rand(samples, outputs) < share).float()
        return nn.BCEWithLogitsLoss(), outputs, answers
    losses: dict[str, nn.Module] = {
        "mse": nn.MSELoss(),
        "l1": nn.L1Loss(),
        "smooth_l1": nn.SmoothL1Loss(beta=chance.choice([0.1, 1.0])),
        "huber": nn.HuberLoss(delta=chance.choice([0.5, 1.0, 2.0])),
    }
    return losses[kind], outputs, torch.randn(samples, outputs)


if __name__ == "__main__":
    wrong, of = count_false_failures()
    print(f"{wrong} of {of} healthy initializations got a finding of medium or more")
