"""What the model answers: its outputs, their shape beside the targets', and their loss."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from tuitrain.worker.inspection.reading import Kept, join

SUM_TOLERANCE: Final = 1e-3
"""How far a distribution's sum may be from 1, in single precision or half."""
SAME: Final = 1e-4
"""Difference of outputs, relative to their size, that rounding alone may make."""


FEW_ROWS: Final = 12
"""Samples of which no three may stay at once: too few others would be left."""

ENOUGH_ROWS: Final = 128
"""Outputs that are looked at."""


@dataclass(frozen=True)
class OutputFacts:
    """What holds for all outputs that were seen; None: it can't be told."""

    probabilities: Tensor | None = None
    """They are in [0, 1] and sum to 1 over the classes."""
    log_probabilities: Tensor | None = None
    in_unit: Tensor | None = None


class OutputLook:
    """Looks at outputs as they come, over some minibatches, without reading them.

    Small minibatches are kept for the sender thread, as inputs are.
    """

    def __init__(self) -> None:
        """Nothing seen so far."""
        self.shape: list[int] = []
        self.rows = 0
        self._kept = Kept[OutputFacts]()
        self._facts = OutputFacts()

    def see(self, outputs: Tensor) -> None:
        """Look at one minibatch's outputs, classes in the second dimension."""
        if not outputs.is_floating_point() or outputs.ndim < 1 or not outputs.numel():
            return
        if self.rows >= ENOUGH_ROWS:
            return
        self.rows += outputs.shape[0]
        self.shape = list(outputs.shape)
        values = outputs.detach()
        if not self._kept.keep(values):
            self._facts = _both(self._facts, _look_at(values))

    def reader(self) -> Callable[[], OutputFacts]:
        """Return what works out the facts of all that was seen until now."""
        facts = self._facts
        return self._kept.reader(
            self.rows, lambda kept: reduce(_both, map(_look_at, join(kept)), facts)
        )

    def forget(self) -> None:
        """Look at no more; what is kept goes once it has been read."""
        self._kept.close(self.reader())


def _look_at(outputs: Tensor) -> OutputFacts:
    values = outputs.float()
    inside = (values >= 0).all() & (values <= 1).all()
    if values.ndim < 2 or values.shape[1] < 2:
        return OutputFacts(in_unit=inside)
    one = (values.sum(1) - 1).abs().amax() <= SUM_TOLERANCE
    total = (values.logsumexp(1)).abs().amax() <= SUM_TOLERANCE
    return OutputFacts(inside & one, total, inside)


def _both(one: OutputFacts, other: OutputFacts) -> OutputFacts:
    return OutputFacts(
        _and(one.probabilities, other.probabilities),
        _and(one.log_probabilities, other.log_probabilities),
        _and(one.in_unit, other.in_unit),
    )


def _and(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    if one is None or other is None:
        return one if other is None else other
    return one & other.to(one.device)


def is_in_unit(outputs: object) -> Tensor | None:
    """Return whether all outputs lie in [0, 1]; None: they are no numbers."""
    if not isinstance(outputs, Tensor) or not outputs.is_floating_point():
        return None
    return (outputs >= 0).all() & (outputs <= 1).all()


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
    found = None
    for rows in _kept_rows(samples):
        kept = torch.tensor(rows)
        order = torch.full((samples,), rows[0])
        order[kept] = kept
        alike = tuple(_ordered(each, order) for each in inputs)
        alike_named = {name: _ordered(each, order) for name, each in named.items()}
        other = model(*alike, **alike_named)
        if not isinstance(other, Tensor) or other.shape != outputs.shape:
            return None, None
        change = (_ordered(other, kept) - _ordered(outputs, kept)).abs().amax()
        mixed = change > SAME * outputs.abs().amax()
        found = mixed if found is None else found | mixed
    again = model(*inputs, **named)
    if not isinstance(again, Tensor) or again.shape != outputs.shape:
        return None, None
    by_chance = (again - outputs).float().square().mean().sqrt()
    spread = outputs.float().var(0, correction=0).mean().sqrt()
    return found, by_chance / (math.sqrt(2) * spread)


def _kept_rows(samples: int) -> list[list[int]]:
    """Return for each pass which samples stay, the first one in place of all others.

    Several in all: what is mixed into a single one may be cut off by a ReLU. Together in
    a pass only those that no pairs or triples put together: what passes between them is
    not seen.
    """
    if samples < FEW_ROWS:
        return [[0], [samples // 2]]
    return [[0, samples // 3, 2 * samples // 3 + 1]]


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
