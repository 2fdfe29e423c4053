"""The loss at constant output: what a criterion gives for zeros instead of outputs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call

from tuitrain.worker.seeds import read_random_state, restore_random_state

MAX_MINIBATCHES: Final = 64
"""Of more than so many, the loss is not measured."""


def measure_zero_output(
    loss: object,
    *,
    outputs: object,
    targets: Sequence[Tensor],
    batch_size: int | None = None,
) -> float | None:
    """Call a criterion with zeros for outputs; None: it can't be asked.

    What training sees stays as it was: random numbers, targets and a module's buffers.

    Args:
        loss: Takes outputs and targets, and gives one number.
        outputs: Of one of the minibatches; zeros of its kind are made.
        targets: Of each minibatch, or one element with all of them.
        batch_size: Samples in a minibatch; None: those of each element.
    """
    if not isinstance(outputs, Tensor) or not callable(loss) or not outputs.ndim:
        return None
    if not outputs.is_floating_point() or not outputs.shape[0]:
        return None
    minibatches = _split(targets, batch_size)
    if not minibatches:
        return None
    state = read_random_state()
    try:
        with torch.no_grad():
            losses = [
                _one_number(_ask(loss, zeros, each))
                for zeros, each in _paired(outputs, minibatches)
            ]
            value = float(torch.stack(losses).mean())
    except Exception:  # noqa: BLE001 - somebody else's function, asked for what it may not do
        return None
    finally:
        restore_random_state(state)
    return value if value - value == 0 else None  # neither NaN nor infinite


def _split(targets: Sequence[Tensor], batch_size: int | None) -> list[Tensor]:
    """Return the targets by minibatch; of a whole data set, samples from all over it."""
    if len(targets) != 1 or batch_size is None or not targets[0].ndim:
        return [each.detach().clone() for each in targets[:MAX_MINIBATCHES]]
    whole = targets[0].detach()
    parts = max(1, whole.shape[0] // batch_size)
    return [
        whole[start::parts][:batch_size].clone()
        for start in range(min(parts, MAX_MINIBATCHES))
    ]


def _paired(
    outputs: Tensor, minibatches: Sequence[Tensor]
) -> list[tuple[Tensor, Tensor]]:
    """Return zeros for each minibatch: as many rows a target as the outputs have.

    Of a full minibatch the zeros have just the shape of the outputs, since not all losses
    want the samples in the first dimension.
    """
    full = max(each.shape[0] if each.ndim else 1 for each in minibatches)
    pairs = []
    for each in minibatches:
        rows = each.shape[0] if each.ndim else 1
        shape = list(outputs.shape)
        if rows != full:
            shape[0] = shape[0] * rows // full
        pairs.append((torch.zeros(shape, dtype=outputs.dtype), each))
    return [(zeros.to(outputs.device), each) for zeros, each in pairs]


def _ask(loss: Callable[..., object], zeros: Tensor, targets: Tensor) -> object:
    if not isinstance(loss, nn.Module):
        return loss(zeros, targets)
    # A center or a running mean in a buffer learns from what it is called with.
    buffers: Mapping[str, Any] = {
        name: each.clone() for name, each in loss.named_buffers()
    }
    return functional_call(loss, dict(buffers), (zeros, targets))


def _one_number(value: object) -> Tensor:
    if isinstance(value, Tensor):
        return value.detach().double().cpu().reshape(())
    return torch.tensor(float(cast("float", value)), dtype=torch.double)
