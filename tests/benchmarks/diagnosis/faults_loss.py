"""Mistakes between the model's outputs and the loss."""

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everybody knows it by

from tests.benchmarks.diagnosis.injecting import (
    Fault,
    Strength,
    after_model,
    anywhere,
    edited,
    in_goals,
    with_data,
)
from tests.benchmarks.diagnosis.setup import Setup, right_loss
from tests.benchmarks.diagnosis.tasks import Goal
from tuitrain.worker.task import Loss

_CLASSES = in_goals(Goal.CLASSES, Goal.TOKENS)


def _softmax_first(setup: Setup, strength: Strength) -> Setup:
    """Sigmoid, softmax, or two of them before the cross entropy."""

    def change(outputs: Tensor) -> Tensor:
        if strength is Strength.MILD:
            return outputs.sigmoid()
        probabilities = outputs.softmax(1)
        return (
            probabilities.softmax(1) if strength is Strength.STRONG else probabilities
        )

    return edited(setup, after_model(change))


def _sigmoid_first(setup: Setup, strength: Strength) -> Setup:
    """A ReLU, a sigmoid, or two before a loss that takes logits."""

    def change(outputs: Tensor) -> Tensor:
        if strength is Strength.MILD:
            return outputs.relu()
        shares = outputs.sigmoid()
        return shares.sigmoid() if strength is Strength.STRONG else shares

    return edited(setup, after_model(change))


def _no_log_softmax(setup: Setup, strength: Strength) -> Setup:
    """The negative log likelihood of shares of each class alone, of probabilities, of logits."""

    def change(outputs: Tensor) -> Tensor:
        if strength is Strength.MILD:
            return F.logsigmoid(outputs)
        return outputs.softmax(1) if strength is Strength.MEDIUM else outputs

    changed = edited(setup, after_model(change))
    return replace(changed, make_loss=lambda _: nn.NLLLoss())


def _summed(setup: Setup, strength: Strength) -> Setup:
    """The sum over the minibatch, or that divided by the number of outputs."""

    def loss(setup: Setup) -> Loss:
        whole = right_loss(setup, reduction="sum")
        if strength is Strength.STRONG:
            return whole
        parts = setup.data.outputs if strength is Strength.MEDIUM else 8

        def summed_loss(outputs: Tensor, targets: Tensor) -> Tensor:
            divided: Tensor = whole(outputs, targets) / parts
            return divided

        return summed_loss

    return replace(setup, make_loss=loss)


def _broadcast(setup: Setup, strength: Strength) -> Setup:
    """Outputs (batch, 1), targets (batch,): each is compared with each, the more the worse."""
    data = setup.data
    changed = with_data(setup, y=data.y[:, 0], val_y=data.val_y[:, 0])
    size = (2, 4, setup.batch_size)[strength.level]
    if strength is Strength.STRONG:
        return replace(changed, truth=(data.val_x, data.val_y))
    kept = max(size * 200, len(data.x) // 4)
    small = with_data(changed, x=data.x[:kept], y=data.y[:kept, 0])
    return replace(small, truth=(data.val_x, data.val_y), batch_size=size)


def _log_of_negative(setup: Setup, strength: Strength) -> Setup:
    """A term of the loss takes the log of what can be 0 or less."""
    margin = (1.5, 0.5, 0.0)[strength.level]

    def loss(setup: Setup) -> Loss:
        right = right_loss(setup)

        def guarded_loss(outputs: Tensor, targets: Tensor) -> Tensor:
            level = outputs.reshape(len(outputs), -1).mean(1)
            barrier = -torch.log(level + margin).mean()
            total: Tensor = right(outputs, targets) + 0.02 * barrier
            return total

        return guarded_loss

    return replace(setup, make_loss=loss)


def _scales_matter(setup: Setup) -> bool:
    """Whether a loss that is larger trains otherwise; adaptive optimizers divide by it."""
    return setup.optimizer == "sgd"


FAULTS = (
    Fault("softmax_before_ce", ("output_loss_mismatch",), _softmax_first, _CLASSES),
    Fault(
        "sigmoid_before_bce",
        ("output_loss_mismatch",),
        _sigmoid_first,
        in_goals(Goal.BINARY),
    ),
    Fault("nll_without_log", ("output_loss_mismatch",), _no_log_softmax, _CLASSES),
    Fault("loss_summed", ("wrong_reduction",), _summed, _scales_matter),
    Fault(
        "loss_broadcast",
        ("output_loss_mismatch",),
        _broadcast,
        in_goals(Goal.REGRESSION),
    ),
    Fault("log_of_negative", ("non_finite",), _log_of_negative, anywhere),
)
