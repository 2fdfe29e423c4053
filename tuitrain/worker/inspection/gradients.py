"""Gradients in the first iterations: left over, missing, never used, fading with depth."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

MOST_COMPARED: Final = 3
"""Parameters that stale gradients are looked for in: the smallest ones, so that keeping
what came in costs next to nothing."""
MOST_NAMES: Final = 20


class StaleGradients:
    """Sees whether the gradients of an optimizer are zeroed between its updates.

    A backward pass that finds a gradient of before adds to it, so what comes in differs
    from what the parameter then holds. Gradient accumulation does that, too, after its
    first pass, and so does a pass for another optimizer: an update is stale only if
    every pass since the one before it added to something.
    """

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        """Hook into some of `parameters`."""
        trained = [each for each in parameters if each.requires_grad and each.numel()]
        chosen = sorted(trained, key=lambda each: each.numel())[:MOST_COMPARED]
        self.checked = 0
        """Updates that could be judged."""
        self.stale: Tensor | None = None
        """How many of them were stale; None: none was judged."""
        self._incoming: dict[int, Tensor] = {}
        self._passes: list[list[Tensor]] = []
        """Of each backward pass since the last update: whether a gradient differs."""
        self._seen: set[int] = set()
        self._is_on = False
        self._handles: list[RemovableHandle] = []
        for each in chosen:
            self._handles += [
                each.register_hook(self._keeper(id(each))),  # type: ignore[no-untyped-call]
                each.register_post_accumulate_grad_hook(self._compare),  # type: ignore[no-untyped-call]
            ]

    def note_update(self) -> None:
        """An update was made: what gradients there are now should be zeroed."""
        self._is_on = True
        self._passes = []
        self._seen = set()

    def judge(self) -> None:
        """The next update is about to be made from the passes so far."""
        if self._passes:
            added = [torch.stack(each).any() for each in self._passes]
            count = torch.stack(added).all().to(torch.int64)
            self.stale = count if self.stale is None else self.stale + count
            self.checked += 1
        self._is_on = False

    def remove(self) -> None:
        """Take the hooks away."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._incoming.clear()

    def _keeper(self, key: int) -> Any:  # noqa: ANN401 - a hook
        def keep(gradient: Tensor) -> None:
            if self._is_on:
                self._incoming[key] = gradient.detach()

        return keep

    def _compare(self, parameter: Tensor) -> None:
        key = id(parameter)
        incoming = self._incoming.pop(key, None)
        if incoming is None or parameter.grad is None or incoming.is_sparse:
            return
        if not self._passes or key in self._seen:
            self._passes.append([])
            self._seen = set()
        self._seen.add(key)
        differs = (parameter.grad != incoming).any() & incoming.isfinite().all()
        self._passes[-1].append(differs)


class GradientSizes:
    """Adds up the gradients of all parameters over some iterations, on their device."""

    def __init__(self, named: Sequence[tuple[str, nn.Parameter]]) -> None:
        """Watch `named`, each parameter once however often it is used."""
        self._named = [(name, each) for name, each in named if each.requires_grad]
        self._sums: dict[int, Tensor] = {}
        self.iterations = 0

    def see(self, owned: set[int]) -> None:
        """Add the gradients there are now.

        Args:
            owned: Identities of the parameters whose optimizer is about to step; others
                keep theirs until it is their turn.
        """
        groups: dict[tuple[torch.device, torch.dtype], list[nn.Parameter]] = {}
        for _, each in self._named:
            grad = each.grad
            if grad is None or grad.is_sparse or id(each) not in owned:
                continue
            groups.setdefault((grad.device, grad.dtype), []).append(each)
        for parameters in groups.values():
            grads = [each.grad for each in parameters if each.grad is not None]
            norms = torch._foreach_norm(grads, 2, dtype=torch.float32)  # noqa: SLF001
            for parameter, norm in zip(parameters, norms, strict=True):
                before = self._sums.get(id(parameter))
                self._sums[id(parameter)] = norm if before is None else before + norm

    def snapshot(self) -> tuple[list[tuple[str, nn.Parameter]], dict[int, Tensor]]:
        """Return the parameters and the sums of their norms so far."""
        return list(self._named), dict(self._sums)


def read_sizes(
    named: Sequence[tuple[str, nn.Parameter]],
    sums: dict[int, Tensor],
    iterations: int,
) -> tuple[list[str], dict[str, float]]:
    """Read the sums: who never got a gradient, and how large those of weights are."""
    missing, sizes = [], {}
    values = _read_all(sums)
    for name, each in named:
        total = values.get(id(each))
        if total is None or total == 0:
            missing.append(name)
        if each.ndim < 2 or total is None or total != total or total == float("inf"):
            continue
        sizes[name] = total / max(iterations, 1) / max(each.numel(), 1) ** 0.5
    return missing[:MOST_NAMES], sizes


def _read_all(sums: dict[int, Tensor]) -> dict[int, float]:
    groups: dict[torch.device, list[int]] = {}
    for key, tensor in sums.items():
        groups.setdefault(tensor.device, []).append(key)
    values: dict[int, float] = {}
    for keys in groups.values():
        stacked = torch.stack([sums[key] for key in keys])
        values.update(zip(keys, stacked.tolist(), strict=True))
    return values


def weigh_decay(optimizer: Optimizer) -> Tensor | None:
    """Return what weight decay does over what the gradients do; None: there is no decay.

    Of a decay that is part of the gradient: ‖λw‖ / ‖g‖. Of a decoupled one, which works
    on the weights beside Adam's updates of about one LR a weight: λ‖w‖ / √n.
    """
    decays, grads, count = [], [], 0
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
            decays.append(decay * torch.linalg.vector_norm(each.detach().float()))
            grads.append(torch.linalg.vector_norm(each.grad.float()))
            count += each.numel()
    if not decays:
        return None
    device = decays[0].device
    top = torch.linalg.vector_norm(torch.stack([d.to(device) for d in decays]))
    if is_decoupled:
        share: Tensor = top / count**0.5
    else:
        below = torch.linalg.vector_norm(torch.stack([g.to(device) for g in grads]))
        share = top / below
    return share


def outside_of(
    named: Sequence[tuple[str, nn.Parameter]], optimizers: Iterable[Optimizer]
) -> list[str]:
    """Return names of trainable parameters that no optimizer holds."""
    held = {
        id(each)
        for optimizer in optimizers
        for group in optimizer.param_groups
        for each in group["params"]
    }
    return [n for n, p in named if p.requires_grad and id(p) not in held][:MOST_NAMES]
