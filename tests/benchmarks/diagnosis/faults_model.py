"""Mistakes in the model: how it begins, what blocks its gradients, what it gives out."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from tests.benchmarks.diagnosis.injecting import (
    After,
    Before,
    Fault,
    Strength,
    anywhere,
    edited,
    in_families,
    in_place,
)
from tests.benchmarks.diagnosis.models import hidden_layers, weights_of
from tests.benchmarks.diagnosis.setup import Setup
from tests.benchmarks.diagnosis.tasks import Goal


def _detached(setup: Setup, strength: Strength) -> Setup:
    """No gradient reaches the first layer, the body, or any weight but the last bias."""

    def edit(model: nn.Module) -> nn.Module:
        if strength is Strength.STRONG:
            model.head.weight.requires_grad = True  # type: ignore[union-attr]
            model.head = _OnlyBias(model.head)  # type: ignore[arg-type]
        elif strength is Strength.MEDIUM:
            model.head = Before(model.head, lambda x, _: x.detach())  # type: ignore[arg-type]
        else:
            _detach_first(model)
        return model

    return edited(setup, edit)


class _OnlyBias(nn.Module):
    """A linear layer computed from weights without their graph."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.linear = linear

    def forward(self, inputs: Tensor) -> Tensor:
        weight = self.linear.weight.detach()
        return nn.functional.linear(inputs.detach(), weight, self.linear.bias)


def _detach_first(model: nn.Module) -> None:
    body = model.body
    if isinstance(body, nn.Sequential):
        for index, layer in enumerate(body):
            if isinstance(layer, nn.Linear | nn.Conv2d):
                body[index] = After(layer, torch.detach)
                return
    body.first = After(body.first, torch.detach)  # type: ignore[arg-type, union-attr]


def _symmetric(setup: Setup, strength: Strength) -> Setup:
    """Weights of one layer, of all, all alike, or all weights zero."""

    def change(model: nn.Module) -> None:
        weights = weights_of(model)
        if strength is Strength.STRONG:
            for weight in weights:
                weight.zero_()
        else:
            chosen = weights[:1] if strength is Strength.MILD else weights
            for weight in chosen:
                weight.fill_(1 / weight[0].numel())

    return edited(setup, in_place(change))


def _scaled(setup: Setup, factor: float) -> Setup:
    def change(model: nn.Module) -> None:
        for weight in weights_of(model):
            weight.mul_(factor)

    return edited(setup, in_place(change))


def _huge(setup: Setup, strength: Strength) -> Setup:
    return _scaled(setup, (5, 20, 50)[strength.level])


def _deep(setup: Setup, depth: int, *, activation: str | None = None) -> Setup:
    shape = replace(setup.shape, depth=depth, norm=None, dropout=0.0)
    return replace(
        setup, shape=replace(shape, activation=activation or shape.activation)
    )


def _tiny_deep(setup: Setup, strength: Strength) -> Setup:
    """Many layers without norms that begin at a fraction of the weights they need."""
    depth = (6, 8, 10)[strength.level]
    return _scaled(_deep(setup, depth), (0.7, 0.4, 0.15)[strength.level])


def _deep_sigmoid(setup: Setup, strength: Strength) -> Setup:
    return _deep(setup, (3, 6, 9)[strength.level], activation="sigmoid")


def _dead_relu(setup: Setup, strength: Strength) -> Setup:
    """Biases so low that most units never answer."""
    bias = (-1.5, -4.0, -30.0)[strength.level]

    def change(model: nn.Module) -> None:
        for layer in hidden_layers(model):
            assert layer.bias is not None
            layer.bias.fill_(bias)

    return edited(setup, in_place(change))


def _saturated_tanh(setup: Setup, strength: Strength) -> Setup:
    """What goes into each tanh is far beyond where it bends."""
    factor = (8, 40, 200)[strength.level]

    def edit(model: nn.Module) -> nn.Module:
        body = model.body
        assert isinstance(body, nn.Sequential)
        for index, layer in enumerate(body):
            if isinstance(layer, nn.Tanh):
                body[index] = Before(layer, lambda x, _: x * factor)
        return model

    return edited(setup, edit)


def _exploding(setup: Setup, strength: Strength) -> Setup:
    """Many layers without norms, each of which makes its input larger."""
    gain = (1.4, 2.0, 3.5)[strength.level]
    depth = (8, 10, 12)[strength.level]

    def change(model: nn.Module) -> None:
        for layer in hidden_layers(model):
            nn.init.kaiming_normal_(layer.weight)
            layer.weight.mul_(gain)

    return edited(_deep(setup, depth), in_place(change))


def _exploding_recurrent(setup: Setup, strength: Strength) -> Setup:
    """A plain recurrent layer whose weights make each step larger than the last."""
    size = (1.3, 1.7, 2.5)[strength.level]

    def change(model: nn.Module) -> None:
        weight = model.body.core.weight_hh_l0  # type: ignore[union-attr]
        assert isinstance(weight, Tensor)
        nn.init.orthogonal_(weight)
        weight.copy_(size * weight.abs() / weight.abs().sum(1, keepdim=True))

    shape = replace(setup.shape, family="rnn")
    return edited(replace(setup, shape=shape), in_place(change))


def _head_bias(setup: Setup, strength: Strength) -> Setup:
    """The head begins by being very sure of one answer."""
    bias = (5.0, 20.0, 100.0)[strength.level]

    def change(model: nn.Module) -> None:
        model.head.bias[0] = bias  # type: ignore[union-attr, operator]

    return edited(setup, in_place(change))


def _no_gradient_fits(setup: Setup) -> bool:
    return setup.shape.family != "linear"


FAULTS = (
    Fault("layers_detached", ("no_gradient",), _detached, _no_gradient_fits),
    Fault(
        "symmetric_init",
        ("symmetric_initialization",),
        _symmetric,
        _no_gradient_fits,
    ),
    Fault(
        "huge_init",
        ("bad_initialization", "initial_loss_mismatch"),
        _huge,
        anywhere,
    ),
    Fault(
        "tiny_init_deep",
        ("vanishing_gradients", "bad_initialization"),
        _tiny_deep,
        in_families("mlp"),
    ),
    Fault(
        "deep_sigmoid",
        ("vanishing_gradients", "saturated_activations", "bad_initialization"),
        _deep_sigmoid,
        in_families("mlp"),
    ),
    Fault(
        "dead_relu",
        ("dead_relu", "bad_initialization"),
        _dead_relu,
        lambda setup: (
            setup.shape.activation == "relu"
            and setup.shape.family in ("mlp", "cnn")
            and setup.shape.norm is None
        ),
    ),
    Fault(
        "saturated_tanh",
        ("saturated_activations", "bad_initialization"),
        _saturated_tanh,
        lambda setup: setup.shape.activation == "tanh",
    ),
    Fault(
        "exploding_deep",
        ("exploding_gradients", "bad_initialization", "initial_loss_mismatch"),
        _exploding,
        in_families("mlp"),
    ),
    Fault(
        "exploding_recurrent",
        ("exploding_gradients", "bad_initialization", "initial_loss_mismatch"),
        _exploding_recurrent,
        in_families("gru"),
    ),
    Fault(
        "head_bias",
        ("initial_loss_mismatch", "bad_initialization", "class_collapse"),
        _head_bias,
        lambda setup: setup.data.goal is not Goal.REGRESSION,
    ),
)
