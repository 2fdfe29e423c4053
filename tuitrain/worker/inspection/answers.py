"""What the model answers: its outputs, their shape beside the targets', and their loss."""

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

SUM_TOLERANCE: Final = 1e-3
"""How far a distribution's sum may be from 1, in single precision or half."""
SAME: Final = 1e-4
"""Difference of outputs, relative to their size, that rounding alone may make."""


ENOUGH_ROWS: Final = 128
"""Outputs that are looked at."""


class OutputLook:
    """Looks at outputs as they come, over some minibatches, without reading them."""

    def __init__(self) -> None:
        """Nothing seen so far."""
        self.shape: list[int] = []
        self.rows = 0
        self.probabilities: Tensor | None = None
        self.log_probabilities: Tensor | None = None
        self.in_unit: Tensor | None = None

    def see(self, outputs: Tensor) -> None:
        """Look at one minibatch's outputs, classes in the second dimension."""
        if not outputs.is_floating_point() or outputs.ndim < 1 or not outputs.numel():
            return
        if self.rows >= ENOUGH_ROWS:
            return
        self.rows += outputs.shape[0]
        self.shape = list(outputs.shape)
        values = outputs.detach().float()
        inside = (values >= 0).all() & (values <= 1).all()
        self.in_unit = _both(self.in_unit, inside)
        if values.ndim < 2 or values.shape[1] < 2:
            return
        one = (values.sum(1) - 1).abs().amax() <= SUM_TOLERANCE
        self.probabilities = _both(self.probabilities, inside & one)
        total = (values.logsumexp(1)).abs().amax() <= SUM_TOLERANCE
        self.log_probabilities = _both(self.log_probabilities, total)


def is_in_unit(outputs: object) -> Tensor | None:
    """Return whether all outputs lie in [0, 1]; None: they are no numbers."""
    if not isinstance(outputs, Tensor) or not outputs.is_floating_point():
        return None
    return (outputs >= 0).all() & (outputs <= 1).all()


def _both(before: Tensor | None, now: Tensor) -> Tensor:
    return now if before is None else before & now


def is_broadcast(outputs: object, targets: object) -> bool | None:
    """Whether outputs and targets are spread out against each other; None: unknown."""
    if not isinstance(outputs, Tensor) or not isinstance(targets, Tensor):
        return None
    if not (outputs.is_floating_point() and targets.is_floating_point()):
        return None
    if outputs.shape == targets.shape:
        return False
    try:
        spread = np.broadcast_shapes(outputs.shape, targets.shape)
    except ValueError:
        return False
    return math.prod(spread) > max(outputs.numel(), targets.numel())


def compare_halves(
    loss: Callable[[Any, Any], object], outputs: object, targets: object
) -> Tensor | None:
    """Return the loss of a minibatch over the mean of the losses of its halves.

    None: it can't be cut in halves.
    """
    if not isinstance(outputs, Tensor) or not isinstance(targets, Tensor):
        return None
    samples = outputs.shape[0] if outputs.ndim else 0
    if samples < 4 or not targets.ndim or targets.shape[0] != samples:
        return None
    half = samples // 2
    with torch.no_grad():
        whole = loss(outputs[: 2 * half], targets[: 2 * half])
        parts = [
            loss(outputs[:half], targets[:half]),
            loss(outputs[half : 2 * half], targets[half : 2 * half]),
        ]
    values = [
        value.detach().float().reshape(())
        for value in (whole, *parts)
        if isinstance(value, Tensor) and value.numel() == 1
    ]
    if len(values) < 3:
        return None
    return 2 * values[0] / (values[1] + values[2])


def look_at_dependence(
    model: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any], outputs: Tensor
) -> tuple[Tensor | None, Tensor | None]:
    """Ask what a sample's output depends on besides the sample itself.

    Call within `undisturbed`.

    Returns:
        Whether outputs change when other samples do, and which share of what outputs
        differ by is there between two passes of the same samples, too: 0 without chance
        in the model, 1 if chance is all. None: it can't be told, since samples are not
        what the first dimension counts.
    """
    samples = outputs.shape[0] if outputs.ndim else 0
    if samples < 3 or any(
        getattr(module, "batch_first", True) is False for module in model.modules()
    ):
        return None, None
    tensors = [each for each in (*inputs, *named.values()) if isinstance(each, Tensor)]
    if not tensors or any(not t.ndim or t.shape[0] != samples for t in tensors):
        return None, None
    kept = _irregular_half(samples)
    order = torch.tensor([row if row in kept else 0 for row in range(samples)])
    alike = tuple(_ordered(each, order) for each in inputs)
    alike_named = {name: _ordered(each, order) for name, each in named.items()}
    other, again = model(*alike, **alike_named), model(*inputs, **named)
    if any(
        not isinstance(o, Tensor) or o.shape != outputs.shape for o in (other, again)
    ):
        return None, None
    rows = torch.tensor(sorted(kept), device=outputs.device)
    change = (other[rows] - outputs[rows]).abs().amax()
    by_chance = (again - outputs).float().square().mean().sqrt()
    spread = outputs.float().var(0, correction=0).mean().sqrt()
    mixed = change > SAME * outputs.abs().amax()
    return mixed, by_chance / (math.sqrt(2) * spread)


def _irregular_half(samples: int) -> set[int]:
    """Return the rows that stay: the Thue-Morse sequence, which no stride is in step with.

    However samples are mixed, some that stay then meet some that do not.
    """
    return {row for row in range(samples) if row.bit_count() % 2 == 0}


def varies(outputs: Tensor) -> Tensor | None:
    """Return whether the outputs of different samples differ; None: too few samples."""
    if outputs.ndim < 1 or outputs.shape[0] < 4 or not outputs.is_floating_point():
        return None
    values = outputs.flatten(1) if outputs.ndim > 1 else outputs[:, None]
    spread = (values - values[:1]).abs().amax()
    return spread > 1e-6 * values.abs().amax()


def spread_of(outputs: Tensor) -> Tensor | None:
    """Return how much outputs differ between samples, relative to their size.

    None: too few samples, or no numbers. NaN: all outputs are 0.
    """
    if outputs.ndim < 1 or outputs.shape[0] < 4 or not outputs.is_floating_point():
        return None
    values = (
        outputs.float().flatten(1) if outputs.ndim > 1 else outputs[:, None].float()
    )
    size = values.square().mean().sqrt()
    return values.var(0, correction=0).mean().sqrt() / size


def _ordered(value: Any, order: Tensor) -> Any:  # noqa: ANN401 - as it came
    return value[order.to(value.device)] if isinstance(value, Tensor) else value
