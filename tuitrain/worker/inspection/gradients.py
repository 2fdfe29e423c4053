"""Gradients in the first iterations: left over, missing, never used, fading with depth."""

import math
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

MOST_COMPARED: Final = 3
"""Parameters that stale gradients are looked for in: the smallest ones, so that looking
at all of their gradient costs next to nothing."""
MOST_NAMES: Final = 20

Sums = list[tuple[tuple[int, ...], Tensor]]
"""Identities of parameters, and of each the sum of its gradients' norms."""


class StaleGradients:
    """Sees whether the gradients of an optimizer are zeroed between its updates.

    A backward pass that finds a gradient of before adds to it. Gradient accumulation does
    that, too, after its first pass, and so does a pass for another optimizer: an update is
    stale only if every pass since the one before it added to something.
    """

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        """Hook into some of `parameters`."""
        trained = [each for each in parameters if each.requires_grad and each.numel()]
        self._chosen = sorted(trained, key=lambda each: each.numel())[:MOST_COMPARED]
        self.checked = 0
        """Updates that could be judged."""
        self.stale: Tensor | int = 0
        """How many of them were stale."""
        self._passes: list[list[Tensor]] = []
        """Of each backward pass since the last update: whether a gradient was added to
        one that is not zero, of those parameters that had one already."""
        self._seen: set[int] = set()
        self._is_on = False
        self._handles: list[RemovableHandle] = [
            each.register_hook(partial(self._see, each))  # type: ignore[no-untyped-call]
            for each in self._chosen
        ]

    def note_update(self) -> None:
        """An update was made: what gradients there are now should be zeroed."""
        self._is_on = True
        self._passes = []
        self._seen = set()

    def judge(self) -> None:
        """The next update is about to be made from the passes so far."""
        if self._passes:
            self.checked += 1
            # A pass that found no gradient anywhere had nothing to add to.
            if all(self._passes):
                added = [torch.stack(each).any() for each in self._passes]
                self.stale = self.stale + torch.stack(added).all().to(torch.int64)
        self._is_on = False

    def remove(self) -> None:
        """Take the hooks away."""
        for handle in self._handles:
            handle.remove()
        for each in self._chosen if self._handles else ():
            # Torch asks an empty set of hooks in each backward pass, 2.5 µs each time.
            if not each._backward_hooks:  # noqa: SLF001 - no public way to let go of it
                each._backward_hooks = None  # noqa: SLF001
        self._handles = []

    def _see(self, parameter: nn.Parameter, incoming: Tensor) -> None:
        """Look at what comes in, and at what it is about to be added to."""
        if not self._is_on or incoming.is_sparse:
            return
        if not self._passes or id(parameter) in self._seen:
            self._passes.append([])
            self._seen = set()
        self._seen.add(id(parameter))
        held = parameter.grad
        if held is not None and not held.is_sparse:
            adds = (held != 0).any() & incoming.isfinite().all()
            self._passes[-1].append(adds)


class GradientSizes:
    """Adds up the gradients of all parameters over some iterations, on their device."""

    def __init__(self, named: Sequence[tuple[str, nn.Parameter]]) -> None:
        """Watch `named`, each parameter once however often it is used."""
        self._named = [(name, each) for name, each in named if each.requires_grad]
        self._sums: dict[tuple[int, ...], list[Tensor]] = {}
        """Of all parameters that are added to together, by their identities."""

    def see(self, owned: set[int]) -> None:
        """Add the gradients there are now.

        Args:
            owned: Identities of the parameters whose optimizer is about to step; others
                keep theirs until it is their turn.
        """
        groups: dict[tuple[torch.device, torch.dtype], dict[int, Tensor]] = {}
        for _, each in self._named:
            grad = each.grad
            if grad is None or grad.is_sparse or id(each) not in owned:
                continue
            groups.setdefault((grad.device, grad.dtype), {})[id(each)] = grad
        for grads in groups.values():
            values = list(grads.values())
            norms = torch._foreach_norm(values, 2, dtype=torch.float32)  # noqa: SLF001
            sums = self._sums.get(tuple(grads))
            if sums is None:
                self._sums[tuple(grads)] = list(norms)
            else:
                torch._foreach_add_(sums, norms)

    def snapshot(self) -> tuple[list[tuple[str, nn.Parameter]], Sums]:
        """Return the parameters and the sums of their norms so far."""
        sums = [(key, torch.stack(each)) for key, each in self._sums.items()]
        return list(self._named), sums


def read_sizes(
    named: Sequence[tuple[str, nn.Parameter]], sums: Sums, iterations: int
) -> tuple[list[str], dict[str, float]]:
    """Read the sums: who never got a gradient, and how large those of weights are."""
    missing, sizes = [], {}
    values: dict[int, float] = {}
    for keys, each in sums:
        for key, value in zip(keys, each.tolist(), strict=True):
            values[key] = values.get(key, 0.0) + value
    for name, parameter in named:
        total = values.get(id(parameter))
        if total is None or total == 0:
            missing.append(name)
        if parameter.ndim < 2 or total is None or not math.isfinite(total):
            continue
        sizes[name] = total / max(iterations, 1) / max(parameter.numel(), 1) ** 0.5
    return missing[:MOST_NAMES], sizes


def weigh_decay(optimizer: Optimizer) -> Tensor | None:
    """Return what weight decay does over what the gradients do; None: there is no decay.

    Of a decay that is part of the gradient: ‖λw‖ / ‖g‖. Of a decoupled one, which works
    on the weights beside Adam's updates of about one LR a weight: λ‖w‖ / √n.
    """
    decays: list[float] = []
    weights: list[Tensor] = []
    grads: list[Tensor] = []
    is_decoupled = False
    for group in optimizer.param_groups:
        decay = group.get("weight_decay", 0.0)
        if isinstance(decay, Tensor) or not decay:
            continue
        is_decoupled |= bool(group.get("decoupled_weight_decay", False))
        is_decoupled |= "AdamW" in type(optimizer).__name__
        for each in group["params"]:
            if each.grad is None or each.grad.is_sparse or each.ndim < 2:
                continue
            decays.append(decay)
            weights.append(each.detach())
            grads.append(each.grad)
    if not weights:
        return None
    top = total_norm(weights, decays)
    if is_decoupled:
        share: Tensor = top / sum(each.numel() for each in weights) ** 0.5
    else:
        share = top / total_norm(grads)
    return share


def total_norm(tensors: list[Tensor], factors: list[float] | None = None) -> Tensor:
    """Return the norm of all tensors together, on the device of the first one.

    Args:
        tensors: One or more.
        factors: What each is multiplied by; None: by 1.
    """
    norms = torch._foreach_norm(tensors, 2, dtype=torch.float32)  # noqa: SLF001
    if factors is not None:
        norms = torch._foreach_mul(norms, factors)  # noqa: SLF001
    device = norms[0].device
    total: Tensor = torch.linalg.vector_norm(
        torch.stack([norm.to(device) for norm in norms])
    )
    return total


def outside_of(
    named: Sequence[tuple[str, nn.Parameter]], optimizers: Iterable[Optimizer]
) -> list[str]:
    """Return names of trainable parameters that no optimizer holds."""
    held = held_by(optimizers)
    return [n for n, p in named if p.requires_grad and id(p) not in held][:MOST_NAMES]


def held_by(optimizers: Iterable[Optimizer]) -> set[int]:
    """Return the identities of all parameters that some optimizers hold."""
    return {
        id(each)
        for optimizer in optimizers
        for group in optimizer.param_groups
        for each in group["params"]
    }
