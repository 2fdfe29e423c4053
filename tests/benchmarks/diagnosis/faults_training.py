"""Mistakes in the optimizer, the loop, the schedule, and in how long is trained."""

from dataclasses import replace

import torch
from torch import nn

from tests.benchmarks.diagnosis.amounts import wrong_targets
from tests.benchmarks.diagnosis.injecting import (
    Fault,
    Strength,
    anywhere,
    generator,
    in_families,
    with_data,
)
from tests.benchmarks.diagnosis.setup import Setup


def _lr_high(setup: Setup, strength: Strength) -> Setup:
    return replace(setup, lr=setup.lr * (30, 100, 1000)[strength.level])


def _lr_low(setup: Setup, strength: Strength) -> Setup:
    return replace(setup, lr=setup.lr / (100, 1000, 10_000)[strength.level])


def _stale_gradients(setup: Setup, strength: Strength) -> Setup:
    """Gradients are zeroed every fifth iteration, once an epoch, never."""
    epoch = -(-len(setup.data.x) // setup.batch_size)
    every = (5, epoch, float("inf"))[strength.level]
    return replace(setup, has_own_loop=True, zero_grad_every=every)


def _not_optimized(setup: Setup, strength: Strength) -> Setup:
    """The optimizer lacks the first layer, the head, or all weights but the biases."""

    def is_optimized(name: str, parameter: nn.Parameter) -> bool:
        if strength is Strength.MILD:
            return not _is_first(name)
        if strength is Strength.MEDIUM:
            return "head" not in name
        return parameter.ndim < 2

    return replace(setup, is_optimized=is_optimized)


def _is_first(name: str) -> bool:
    """Whether a parameter belongs to the first layer of the body."""
    return name.startswith(("body.0.", "body.1.", "body.first.", "body.core."))


def _excess_decay(setup: Setup, strength: Strength) -> Setup:
    """Weights shrink by 0.3, 2 or 10 % an iteration, however the optimizer does it."""
    share = (0.003, 0.02, 0.1)[strength.level]
    match setup.optimizer:
        case "adamw":
            decay = share / setup.lr
        case "sgd":
            decay = 0.1 * share / setup.lr
        case _:
            # Adam divides the decay by the size of the gradient, which it joins.
            decay = (0.03, 0.3, 3.0)[strength.level]
    return replace(setup, weight_decay=decay)


def _early_decay(setup: Setup, strength: Strength) -> Setup:
    at = (0.2, 0.1, 0.05)[strength.level]
    return replace(setup, schedule=f"early_drop:{at}")


def _too_few_epochs(setup: Setup, strength: Strength) -> Setup:
    """Training ends while there is much left to gain: a lower LR, and few epochs."""
    share = (0.5, 0.35, 0.2)[strength.level]
    epochs = max(6, round(setup.epochs * share))
    slower = setup.epochs * share / epochs
    return replace(setup, epochs=epochs, lr=setup.lr * slower / 6, schedule="constant")


def _too_few_samples(setup: Setup, strength: Strength, noise: float) -> Setup:
    """A few dozen samples, a wide net, many passes; `noise`: share of wrong labels."""
    count = (60, 40, 24)[strength.level]
    data, chance = setup.data, generator(setup)
    rows = torch.randperm(len(data.x), generator=chance)[:count]
    few = with_data(setup, x=data.x[rows], y=data.y[rows])
    few = with_data(few, y=wrong_targets(few, noise, chance))
    shape = replace(setup.shape, width=max(96, setup.shape.width), dropout=0.0)
    if shape.family in ("cnn", "gru", "transformer"):
        shape = replace(shape, width=setup.shape.width * 2)
    return replace(
        few,
        shape=shape,
        batch_size=8,
        epochs=(40, 50, 60)[strength.level],
        weight_decay=0.0,
        schedule="constant",
    )


def _too_small(setup: Setup, strength: Strength) -> Setup:
    width = (3, 2, 1)[strength.level]
    shape = replace(setup.shape, width=width, norm=None, dropout=0.0)
    return replace(setup, shape=replace(shape, depth=max(1, shape.depth)))


def _heavy_dropout(setup: Setup, strength: Strength) -> Setup:
    rate = (0.75, 0.88, 0.96)[strength.level]
    return replace(setup, shape=replace(setup.shape, dropout=rate))


def _stays_in_evaluation(setup: Setup, strength: Strength) -> Setup:
    """Evaluation mode from the third epoch, the second, or from the start."""
    until = (2, 1, 0)[strength.level]
    return replace(setup, has_own_loop=True, train_mode_until=until)


def _validates_in_training(setup: Setup, strength: Strength) -> Setup:
    """Dropout draws and batch norm mixes while validating, in ever smaller batches."""
    size = (64, 16, 4)[strength.level]
    return replace(
        setup, has_own_loop=True, validates_in_train_mode=True, val_batch_size=size
    )


def _has_modes(setup: Setup) -> bool:
    return setup.shape.family in ("mlp", "cnn") and (
        setup.shape.norm == "batch" or setup.shape.dropout >= 0.2
    )


def _needs_batch_norm(setup: Setup) -> bool:
    """Whether the net is deep enough to miss batch norm where it never normalizes."""
    return setup.shape.norm == "batch" and setup.shape.depth > 3


def _can_be_too_small(setup: Setup) -> bool:
    is_hard = setup.data.name not in ("diabetes", "teacher")
    return is_hard and setup.shape.family in ("mlp", "cnn", "gru")


FAULTS = (
    Fault("lr_too_high", ("lr_too_high", "divergence"), _lr_high, anywhere),
    Fault("lr_too_low", ("lr_too_low",), _lr_low, anywhere),
    Fault("no_zero_grad", ("gradients_not_zeroed",), _stale_gradients, anywhere),
    Fault(
        "not_in_optimizer",
        ("not_in_optimizer",),
        _not_optimized,
        lambda setup: setup.shape.family != "linear",
    ),
    Fault("excess_weight_decay", ("excess_regularization",), _excess_decay, anywhere),
    Fault("early_lr_decay", ("lr_decayed_too_early",), _early_decay, anywhere),
    Fault(
        "too_few_epochs",
        ("needs_longer_training", "lr_too_low"),
        _too_few_epochs,
        anywhere,
    ),
    Fault(
        "overfit_noisy_labels",
        ("overfitting", "generalization_gap", "overconfidence"),
        lambda setup, strength: _too_few_samples(setup, strength, 0.2),
        anywhere,
    ),
    Fault(
        "overfit_few_samples",
        ("overfitting", "generalization_gap", "overconfidence"),
        lambda setup, strength: _too_few_samples(setup, strength, 0.0),
        anywhere,
    ),
    Fault("too_small_model", ("underfitting",), _too_small, _can_be_too_small),
    Fault(
        "heavy_dropout",
        ("excess_regularization", "underfitting"),
        _heavy_dropout,
        in_families("mlp", "cnn"),
    ),
    Fault(
        "eval_while_training", ("wrong_mode",), _stays_in_evaluation, _needs_batch_norm
    ),
    Fault(
        "train_while_validating", ("wrong_mode",), _validates_in_training, _has_modes
    ),
)
