"""Measurements around `optimizer.step()`, through the optimizer's own hooks.

They read and never write: weights are bit for bit what they are without probes. What
they measure stays on the device, and the sender thread reads it later.
"""

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter, itemgetter
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from tuitrain.events import ProbeFailed, TrialId
from tuitrain.worker.readings import PartsReading, Reading, combined

_LOW_PRECISION: Final = frozenset({torch.float16, torch.bfloat16})

Put = Callable[[Reading | PartsReading | ProbeFailed], None]
"""Takes what was measured; never waits."""


@dataclass(frozen=True)
class Schedule:
    """When the update ratio is measured: at first each iteration, then some."""

    first: int = 20
    """Iterations 1 to this one are all measured."""
    every: int = 20
    """After those, each iteration that is a multiple; 0: none."""

    def is_due(self, iteration: int) -> bool:
        """Whether `iteration`, 1 for the first, is measured."""
        return iteration <= self.first or (
            self.every > 0 and iteration % self.every == 0
        )

    def is_norm_due(self, iteration: int) -> bool:
        """Whether the gradient norm of `iteration` is measured: five times as often.

        A norm costs less than a ratio and changes faster. Measured at each iteration it
        alone took 3.4 % of the digits CNN's training, more than all probes may.
        """
        often = self._norm_every
        return iteration <= self.first or (often > 0 and iteration % often == 0)

    def next_after(self, iteration: int) -> int:
        """Return the first iteration after this one at which anything is measured."""
        if iteration < self.first:
            return iteration + 1
        if self.every <= 0:
            return sys.maxsize
        return min(
            (iteration // every + 1) * every for every in (self.every, self._norm_every)
        )

    @property
    def _norm_every(self) -> int:
        return -(-self.every // 5)


class UpdateRatio:
    """‖W_after − W_before‖ / ‖W_before‖ of each weight tensor, exact.

    For tensors of two and more dimensions: biases and gains begin at 0 or 1, where the
    quotient says nothing. A tensor that is all zero gives `inf` when the update moves it
    away from zero and `nan` when it stays there; both are kept, neither is an error.
    """

    def __init__(self, named: Iterable[tuple[str, nn.Parameter]]) -> None:
        """Measure these parameters, each group of one device and type at once."""
        kinds: dict[tuple[torch.device, torch.dtype], _Weights] = {}
        for name, each in named:
            if is_measured(each):
                group = kinds.setdefault((each.device, each.dtype), _Weights([], []))
                group.names.append(f"update_ratio/{name}")
                group.weights.append(each)
        self._groups = list(kinds.values())
        self._before: list[tuple[_Weights, list[Tensor]]] = []

    def begin(self) -> None:
        """Keep the weights as they are, negated: one operation for all of them."""
        with torch.no_grad():
            self._before = [
                (group, list(torch._foreach_neg(group.weights)))  # noqa: SLF001
                for group in self._groups
            ]

    def end(self) -> list[tuple[list[str], list[Tensor]]]:
        """Return (names, parts) of each group; `quotients` makes ratios of the parts."""
        before, self._before = self._before, []
        ended = []
        with torch.no_grad():
            for (names, weights), kept in before:
                wider = _wider(kept[0].dtype)
                # One kernel for all tensors; read back later, so the GPU is not waited for.
                sizes = torch._foreach_norm(kept, 2, dtype=wider)  # noqa: SLF001
                torch._foreach_add_(kept, weights)
                changes = torch._foreach_norm(kept, 2, dtype=wider)  # noqa: SLF001
                ended.append((names, [*sizes, *changes]))
        return ended


class _Weights(NamedTuple):
    """Weight tensors of one device and type, and what their ratios are called."""

    names: list[str]
    weights: list[Tensor]


def quotients(numbers: Sequence[float]) -> list[float]:
    """Return the second half of `numbers` over the first one, one by one."""
    half = len(numbers) // 2
    return [
        _quotient(change, size)
        for size, change in zip(numbers[:half], numbers[half:], strict=True)
    ]


def is_measured(parameter: Tensor) -> bool:
    """Whether the update ratio of a parameter is measured."""
    return parameter.requires_grad and parameter.ndim >= 2


class GradientNorms:
    """The L2 norm of each gradient of some parameters."""

    def __init__(self) -> None:
        """None measured so far."""
        self._alike = 0
        """How many gradients were of one type and device; 0: it is to be asked."""

    def measure(self, parameters: Iterable[Tensor]) -> Sequence[Tensor]:
        """Return one number each, of one type and device; empty: there is no gradient.

        `total_norm` makes the global norm of them.
        """
        grads = [grad for each in parameters if (grad := each.grad) is not None]
        # Asked anew where there are more or fewer: it takes a quarter of the norms' time.
        if len(grads) != self._alike:
            self._alike = len(grads) if grads and _are_alike(grads) else 0
        if self._alike:
            return _norms_of(grads)
        groups: dict[tuple[torch.device, torch.dtype], list[Tensor]] = {}
        for grad in grads:
            values = grad.coalesce().values() if grad.is_sparse else grad
            groups.setdefault((values.device, values.dtype), []).append(values)
        norms = [norm for each in groups.values() for norm in _norms_of(each)]
        widest = max((norm.dtype for norm in norms), key=_get_itemsize, default=None)
        return [norm.to(norms[0].device, widest) for norm in norms]


def _are_alike(grads: Sequence[Tensor]) -> bool:
    """Whether one operation can take them all, asked without a loop of Python's own."""
    return (
        len(set(map(_get_dtype, grads))) == 1
        and len(set(map(Tensor.get_device, grads))) == 1
        and not any(map(_get_is_sparse, grads))
    )


_get_dtype = attrgetter("dtype")
_get_is_sparse = attrgetter("is_sparse")
_get_params = itemgetter("params")
_get_itemsize = attrgetter("itemsize")


def _norms_of(grads: list[Tensor]) -> Sequence[Tensor]:
    norms: Sequence[Tensor] = torch._foreach_norm(  # noqa: SLF001
        grads, 2, dtype=_wider(grads[0].dtype)
    )
    return norms


def _wider(dtype: torch.dtype) -> torch.dtype | None:
    """Return the type that norms are added up in; None: their own."""
    return torch.float32 if dtype in _LOW_PRECISION else None


def total_norm(norms: Sequence[float]) -> list[float]:
    """Return the norm of all together, one number."""
    return [math.hypot(*norms)]


def unscaled_norm(numbers: Sequence[float]) -> list[float]:
    """Return the same of all numbers but the last, which gradients are multiplied by."""
    return [_quotient(total_norm(numbers[:-1])[0], numbers[-1])]


def _quotient(of: float, by: float) -> float:
    return of / by if by else of * math.inf


class StepProbes:
    """All probes of one optimizer; each fails for itself."""

    def __init__(
        self,
        optimizer: Optimizer,
        named: Iterable[tuple[str, nn.Parameter]],
        *,
        trial: TrialId,
        put: Put,
        iteration: Callable[[], int],
        schedule: Schedule,
        suffix: str = "",
        measures_norm: bool = True,
    ) -> None:
        """Hook into `optimizer`; nothing is measured before its first step.

        Args:
            optimizer: Whose steps are measured.
            named: Names of the model's parameters; those of other optimizers are left out.
            trial: Whose measurements these are.
            put: Takes them.
            iteration: The iteration that a step belongs to.
            schedule: When the update ratio is measured.
            suffix: After `lr` and `grad_norm`, for a second optimizer: `/1`.
            measures_norm: False: whoever clips the gradients knows their norm.
        """
        self._optimizer = optimizer
        self._named = list(named)
        self._trial = trial
        self._put = put
        self._iteration = iteration
        self._schedule = schedule
        self._suffix = suffix
        self._norm_names = (f"grad_norm{suffix}",)
        self._norms = GradientNorms()
        self._off: set[str] = set() if measures_norm else {"grad_norm"}
        self._lr: float | None = None
        self._ratio: UpdateRatio | None = None
        self._is_measuring = False
        self._due_at = 0
        """The next iteration at which anything is measured."""
        self._handles: list[RemovableHandle] = [
            optimizer.register_step_pre_hook(self._before_step),
            optimizer.register_step_post_hook(self._after_step),
        ]

    @property
    def layers(self) -> list[str]:
        """Names of the tensors whose update ratio is measured, in the model's order."""
        return [name for name, each in self._own_parameters() if is_measured(each)]

    def begin_epoch(self) -> None:
        """Let the LR be noted again at the next step."""
        self._lr = None

    def remove(self) -> None:
        """Take the hooks away; calling it again does nothing."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _before_step(self, *_: object) -> None:
        iteration = self._iteration()
        # As good as always it is the same number; an optimizer without an LR is told of.
        if self._optimizer.param_groups[0].get("lr", self) is not self._lr:
            self._guard("lr", self._note_lr, iteration)
        if iteration < self._due_at:
            return
        self._due_at = self._schedule.next_after(iteration)
        if self._schedule.is_norm_due(iteration):
            self._guard("grad_norm", self._note_norm, iteration)
        self._is_measuring = self._schedule.is_due(iteration)
        if self._is_measuring:
            self._guard("update_ratio", self._begin_ratio, iteration)

    def _after_step(self, *_: object) -> None:
        if self._is_measuring:
            self._is_measuring = False
            self._guard("update_ratio", self._end_ratio, self._iteration())

    def _guard(
        self, probe: str, measure: Callable[[int], None], iteration: int
    ) -> None:
        if probe in self._off:
            return
        try:
            measure(iteration)
        except Exception as error:  # noqa: BLE001 - a probe must not end a training
            self._off.add(probe)
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            self._put(
                ProbeFailed(trial=self._trial, probe=probe + self._suffix, error=reason)
            )

    def _note_lr(self, iteration: int) -> None:
        lr: Any = self._optimizer.param_groups[0]["lr"]
        if isinstance(lr, Tensor):
            if self._schedule.is_due(iteration):
                self._put(
                    Reading(iteration, {f"lr{self._suffix}": lr.detach().clone()})
                )
        elif lr != self._lr:
            self._lr = lr
            self._put(Reading(iteration, {f"lr{self._suffix}": float(lr)}))

    def _note_norm(self, iteration: int) -> None:
        groups = self._optimizer.param_groups
        norms = self._norms.measure(chain.from_iterable(map(_get_params, groups)))
        if not norms:
            return
        combine: Callable[[Sequence[float]], list[float]] = total_norm
        # A fused optimizer is given the gradients still multiplied, and divides itself.
        scale = getattr(self._optimizer, "grad_scale", None)
        if scale is not None:
            # What a scaler changes in place; it must stay what it is now.
            norms = [*norms, scale.detach().clone().reshape(()).to(norms[0])]
            combine = unscaled_norm
        self._tell(iteration, self._norm_names, norms, combine)

    def _begin_ratio(self, _: int) -> None:
        if self._ratio is None:
            self._ratio = UpdateRatio(self._own_parameters())
        self._ratio.begin()

    def _end_ratio(self, iteration: int) -> None:
        assert self._ratio is not None
        for names, parts in self._ratio.end():
            self._tell(iteration, names, parts, quotients)

    def _tell(
        self,
        iteration: int,
        names: Sequence[str],
        parts: Sequence[Tensor],
        combine: Callable[[Sequence[float]], Sequence[float]],
    ) -> None:
        told = combined(iteration, names, parts, combine, self._skipped())
        if told is not None:
            self._put(told)

    def _skipped(self) -> Tensor | None:
        """Whether a fused optimizer leaves this update out, on its device."""
        found: Tensor | None = getattr(self._optimizer, "found_inf", None)
        return None if found is None else found.detach().clone()

    def _own_parameters(self) -> list[tuple[str, nn.Parameter]]:
        """Parameters of this optimizer by their names, those of the model first."""
        groups = self._optimizer.param_groups
        own = {id(each): each for group in groups for each in group["params"]}
        named = [(name, each) for name, each in self._named if id(each) in own]
        known = {id(each) for _, each in named}
        others = [each for key, each in own.items() if key not in known]
        return named + [(f"parameter_{i}", each) for i, each in enumerate(others)]


class HeldWeights:
    """Undoes each update of an optimizer, exactly: a step that measures must not learn."""

    def __init__(self, optimizer: Optimizer) -> None:
        """Hook into `optimizer`."""
        self._optimizer = optimizer
        self._before: list[Tensor] = []
        self._handles: list[RemovableHandle] = [
            optimizer.register_step_pre_hook(self._keep),
            optimizer.register_step_post_hook(self._put_back),
        ]

    def begin_epoch(self) -> None:
        """Nothing changes from epoch to epoch."""

    def remove(self) -> None:
        """Take the hooks away; calling it again does nothing."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _parameters(self) -> Iterator[nn.Parameter]:
        for group in self._optimizer.param_groups:
            yield from group["params"]

    def _keep(self, *_: object) -> None:
        self._before = [each.detach().clone() for each in self._parameters()]

    def _put_back(self, *_: object) -> None:
        with torch.no_grad():
            for parameter, before in zip(self._parameters(), self._before, strict=True):
                parameter.copy_(before)
        self._before = []
