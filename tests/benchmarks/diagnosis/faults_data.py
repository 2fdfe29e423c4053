"""Mistakes in the data: their scale, their labels, what is shared, what is missing."""

from dataclasses import replace

import torch

from tests.benchmarks.diagnosis.injecting import (
    Fault,
    Strength,
    anywhere,
    before_model,
    edited,
    generator,
    has_numbers,
    in_goals,
    with_data,
)
from tests.benchmarks.diagnosis.setup import Setup, right_loss
from tests.benchmarks.diagnosis.tasks import Goal


def _unnormalized(setup: Setup, strength: Strength) -> Setup:
    """Small units, one feature in other units than the rest, or raw 8-bit values."""
    data = setup.data
    scale, offset = torch.ones(data.x.shape[1:]), torch.zeros(data.x.shape[1:])
    match strength:
        case Strength.MILD:
            scale, offset = scale * 15, offset + 40
        case Strength.MEDIUM:
            scale.reshape(-1)[:: max(1, scale.numel() // 2)] = 1000
        case Strength.STRONG:
            scale, offset = scale * 60, offset + 128
    return with_data(
        setup, x=data.x * scale + offset, val_x=data.val_x * scale + offset
    )


def _missing_values(setup: Setup, strength: Strength) -> Setup:
    """One sample, some, or one in twenty with a value that is NaN or infinite."""
    count = (1, 5, len(setup.data.x) // 20)[strength.level]
    chance, x = generator(setup), setup.data.x.clone()
    rows = torch.randperm(len(x), generator=chance)[:count]
    bad = float("nan") if setup.seed % 2 else float("inf")
    flat = x.reshape(len(x), -1)
    places = torch.randint(0, flat.shape[1], (count,), generator=chance)
    flat[rows, places] = bad
    return with_data(setup, x=flat.reshape(x.shape))


def _labels_shuffled(setup: Setup, strength: Strength) -> Setup:
    """Labels of the training part, of both parts, or drawn anew."""
    data, chance = setup.data, generator(setup)
    y = data.y[torch.randperm(len(data.y), generator=chance)]
    if strength is Strength.MILD:
        return with_data(setup, y=y)
    val_y = data.val_y[torch.randperm(len(data.val_y), generator=chance)]
    if strength is Strength.STRONG:
        y = data.y[torch.randint(0, len(data.y), (len(data.y),), generator=chance)]
    truth = (data.val_x, data.val_y)
    return replace(with_data(setup, y=y, val_y=val_y), truth=truth)


def _inputs_permuted(setup: Setup, strength: Strength) -> Setup:
    """Inputs one row off in training, one off in both, or sorted without their labels."""
    data = setup.data
    truth = (data.val_x, data.val_y)
    if strength is Strength.STRONG:
        order, val_order = (
            part.reshape(len(part), -1).float().sum(1).argsort()
            for part in (data.x, data.val_x)
        )
        return replace(
            with_data(setup, x=data.x[order], val_x=data.val_x[val_order]), truth=truth
        )
    x = data.x.roll(1, 0)
    if strength is Strength.MILD:
        return with_data(setup, x=x)
    return replace(with_data(setup, x=x, val_x=data.val_x.roll(1, 0)), truth=truth)


def _input_ignored(setup: Setup, strength: Strength) -> Setup:
    """Inputs are dropped for most samples, swapped between samples, or times 0."""

    def change(inputs: torch.Tensor, _: bool) -> torch.Tensor:
        if strength is Strength.STRONG:
            return inputs * 0
        if strength is Strength.MEDIUM:
            return inputs[torch.randperm(len(inputs))]
        shape = (len(inputs), *[1] * (inputs.ndim - 1))
        return inputs * (torch.rand(shape) < 0.1)

    return edited(setup, before_model(change))


def _batch_mixed(setup: Setup, strength: Strength) -> Setup:
    """`view` where `transpose` was meant, for some features or for all."""
    share = (0.5, 0.8, 1.0)[strength.level]

    def change(inputs: torch.Tensor, _: bool) -> torch.Tensor:
        flat = inputs.reshape(len(inputs), -1)
        count = max(2, int(share * flat.shape[1]))
        mixed = flat[:, :count].t().reshape(len(flat), count)
        return torch.cat([mixed, flat[:, count:]], 1).reshape(inputs.shape)

    return edited(setup, before_model(change))


def _leaked(setup: Setup, strength: Strength) -> Setup:
    """Some, a third, or all of the validation samples are training samples."""
    data, chance = setup.data, generator(setup)
    count = max(3, int((0.05, 0.3, 1.0)[strength.level] * len(data.val_x)))
    rows = torch.randperm(len(data.x), generator=chance)[:count]
    val_x, val_y = data.val_x.clone(), data.val_y.clone()
    count = len(rows)
    val_x[:count], val_y[:count] = data.x[rows], data.y[rows]
    truth = (data.val_x, data.val_y)
    return replace(with_data(setup, val_x=val_x, val_y=val_y), truth=truth)


def _class_missing(setup: Setup, strength: Strength) -> Setup:
    """Nearly all training samples are of one class."""
    keep = (0.04, 0.015, 0.004)[strength.level]
    data, chance = setup.data, generator(setup)
    # Where one class is frequent already, it is that one.
    is_main = data.y.reshape(-1) == 0
    main, rest = is_main.nonzero()[:, 0], (~is_main).nonzero()[:, 0]
    count = max(1, int(keep * len(main) / (1 - keep)))
    rest = rest[torch.randperm(len(rest), generator=chance)[:count]]
    repeated = main.repeat(max(1, round(len(data.x) / len(main))))
    rows = torch.cat([repeated, rest])
    return with_data(setup, x=data.x[rows], y=data.y[rows])


def _one_class_weighted(setup: Setup, strength: Strength) -> Setup:
    """The loss counts one class far more than the others."""
    weight = (20.0, 200.0, 2000.0)[strength.level]

    def loss(setup: Setup) -> torch.nn.Module:
        if setup.data.goal is Goal.BINARY:
            return right_loss(
                setup, pos_weight=torch.full((setup.data.outputs,), weight)
            )
        weights = torch.ones(setup.data.outputs)
        weights[0] = weight
        return right_loss(setup, weight=weights)

    return replace(setup, make_loss=loss)


def _has_one_answer(setup: Setup) -> bool:
    data = setup.data
    return data.goal is Goal.CLASSES or (data.goal is Goal.BINARY and data.outputs == 1)


def _shows_scale(setup: Setup) -> bool:
    """Whether nothing in the model undoes the scale of its inputs."""
    return has_numbers(setup) and setup.shape.norm is None


FAULTS = (
    Fault("unnormalized_inputs", ("unnormalized_inputs",), _unnormalized, _shows_scale),
    Fault("missing_values", ("non_finite",), _missing_values, has_numbers),
    Fault("labels_shuffled", ("labels_carry_no_signal",), _labels_shuffled, anywhere),
    Fault("inputs_permuted", ("labels_carry_no_signal",), _inputs_permuted, anywhere),
    Fault(
        "input_ignored", ("input_ignored", "mixed_samples"), _input_ignored, has_numbers
    ),
    Fault(
        "batch_mixed",
        ("mixed_samples", "input_ignored", "labels_carry_no_signal"),
        _batch_mixed,
        lambda setup: setup.shape.norm != "batch",
    ),
    Fault("leakage", ("train_val_leakage",), _leaked, anywhere),
    Fault("class_nearly_missing", ("class_collapse",), _class_missing, _has_one_answer),
    Fault(
        "one_class_weighted",
        ("class_collapse",),
        _one_class_weighted,
        in_goals(Goal.CLASSES, Goal.BINARY),
    ),
)
