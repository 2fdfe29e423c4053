"""Units of the model: activations that are dead or saturated, weights that are alike."""

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from tuitrain.events import UnitFacts
from tuitrain.worker.inspection.gradients import total_norm

MOST_ACTIVATIONS: Final = 64
SATURATED_TANH: Final = 0.9866
"""|tanh(2.5)|: beyond, the slope is below 2.6 % of the steepest."""
SATURATED_SIGMOID: Final = 0.0067
"""sigmoid(-5): closer to 0 or 1, the slope is below 2.7 % of the steepest.
Source: |z| > 5 is DeepDiagnosis' bound (ICSE 2022), for the value before a sigmoid."""
ALIKE: Final = 1e-6
"""Relative difference of two units' weights up to which they are the same."""

SCALED: Final = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)

UnitShare = tuple[str, str, int, Tensor]
"""(name, kind, units, share of them that is dead, or of values that is saturated)."""

_KINDS: Final = {"relu": "relu", "relu_": "relu", "tanh": "tanh", "tanh_": "tanh"} | {
    "sigmoid": "sigmoid",
    "sigmoid_": "sigmoid",
}


_PRODUCTS: Final = frozenset({"addmm", "mm", "linear"})

_ENDS: Final = {
    "relu": "relu",
    "relu_": "relu",
    "sigmoid": "sigmoid",
    "sigmoid_": "sigmoid",
    "_softmax": "softmax",
    "_log_softmax": "log_softmax",
}


class ActivationLook(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every ReLU, tanh and sigmoid of one forward pass, called however it may be."""

    def __init__(self, names: dict[int, str]) -> None:
        """Look on.

        Args:
            names: Identity of each weight to the name of its layer.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self._names = names
        self._layer = ""
        self.ends: dict[int, str] = {}
        """Address of what a function returned that models end with, to its name."""
        self.linear: dict[int, int] = {}
        """Address of what a linear layer returned, to the numbers it was worked out from."""
        self.seen: list[tuple[str, str, int, Tensor, Tensor]] = []
        """(name, kind, units, share, output)."""

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401 - as torch calls it
        types: Any,  # noqa: ANN401
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        result = func(*args, **(kwargs or {}))
        called = func.__name__.partition(".")[0]
        kind = _KINDS.get(called)
        if self.linear and isinstance(result, Tensor) and not _is_view(result, args):
            # What was there before is gone, and its address is used again.
            self.linear.pop(result.data_ptr(), None)
            self.ends.pop(result.data_ptr(), None)
        if called in _ENDS and isinstance(result, Tensor):
            self.ends[result.data_ptr()] = _ENDS[called]
        for each in args:
            if isinstance(each, Tensor) and (name := self._find(each)):
                self._layer = name
                self._note_linear(called, each, result)
        if kind and isinstance(result, Tensor) and len(self.seen) < MOST_ACTIVATIONS:
            self._note(kind, result)
        return result

    def _find(self, tensor: Tensor) -> str | None:
        # A transposed weight shares the memory of the parameter.
        return self._names.get(tensor.untyped_storage().data_ptr())

    def _note_linear(self, called: str, weight: Tensor, result: object) -> None:
        if called in _PRODUCTS and isinstance(result, Tensor) and result.ndim:
            outputs = result.shape[-1]
            self.linear[result.data_ptr()] = weight.numel() // max(outputs, 1)

    def _note(self, kind: str, result: Tensor) -> None:
        if result.ndim < 2 or not result.is_floating_point():
            return
        units = result.shape[1] if result.ndim in (2, 4, 5) else result.shape[-1]
        if kind == "relu":
            axis = 1 if result.ndim in (2, 4, 5) else -1
            others = [d for d in range(result.ndim) if d != axis % result.ndim]
            share = (result.amax(others) <= 0).float().mean()
        elif kind == "tanh":
            share = (result.abs() > SATURATED_TANH).float().mean()
        else:
            edge = torch.minimum(result, 1 - result)
            share = (edge < SATURATED_SIGMOID).float().mean()
        where = f" after {self._layer}" if self._layer else ""
        self.seen.append((f"{kind}{where}", kind, units, share, result))


def _is_view(result: Tensor, args: tuple[Any, ...]) -> bool:
    return any(
        isinstance(each, Tensor) and each.data_ptr() == result.data_ptr()
        for each in args
    )


_PLAIN: Final[dict[type, Callable[[Any], Any]]] = {
    dict: dict,
    OrderedDict: dict,
    list: list,
    set: set,
}
"""Of each kind of container without attributes of its own, what holds the same."""


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Run a forward pass in evaluation mode that leaves no trace in the model.

    Modes, attributes, buffers and the random state are put back as they were. What a
    model keeps elsewhere, in a global variable say, is out of reach.
    """
    kept = [(module, _Attributes(module)) for module in model.modules()]
    buffers = [(b, b._version, b.detach().clone()) for b in model.buffers()]  # noqa: SLF001
    devices = {p.device for p in model.parameters() if p.device.type == "cuda"}
    with torch.random.fork_rng(devices=[d.index or 0 for d in devices]):
        try:
            for module, _ in kept:
                module.training = False
            with torch.no_grad():
                yield
        finally:
            for module, attributes in kept:
                attributes.put_back(module)
            with torch.no_grad():
                for buffer, version, before in buffers:
                    # A module may write where none should be written in evaluation.
                    if buffer._version != version:  # noqa: SLF001
                        buffer.copy_(before)


class _Attributes:
    """What a module's attributes were; containers keep their identity."""

    def __init__(self, module: nn.Module) -> None:
        self._values = dict(module.__dict__)
        self._contents = [
            (value, _copy(value))
            for value in self._values.values()
            if isinstance(value, dict | list | set)
        ]

    def put_back(self, module: nn.Module) -> None:
        module.__dict__.clear()
        module.__dict__.update(self._values)
        for value, content in self._contents:
            if isinstance(value, list):
                value[:] = content
            elif value or content:
                value.clear()
                value.update(content)


def _copy(value: Any) -> Any:  # noqa: ANN401 - a dict, list or set
    # Most of a module's containers are empty; `copy` takes a hundred times as long.
    plain = _PLAIN.get(type(value))
    if plain is None:
        return copy(value)
    return plain(value) if value else ()


@dataclass(frozen=True, kw_only=True)
class Pass:
    """What one forward pass shows."""

    units: list[UnitShare]
    """Activations in the order of their calls; what the model returns is none of them."""
    outputs: object
    last_operation: str
    """The function the model ends with, if it is one that a loss may apply, too."""
    head_inputs: int | None
    """Numbers that the last linear layer gets; None: the model does not end with one."""


def look_at_units(model: nn.Module, forward: Callable[[], object]) -> Pass:
    """Make one forward pass and look on; call within `undisturbed`."""
    names = {
        each.untyped_storage().data_ptr(): name.rpartition(".")[0]
        for name, each in model.named_parameters()
        if each.ndim >= 2 and each.numel()
    }
    with ActivationLook(names) as look:
        outputs = forward()
    last = outputs.data_ptr() if isinstance(outputs, Tensor) else None
    return Pass(
        units=[each[:4] for each in look.seen if each[4].data_ptr() != last],
        outputs=outputs,
        last_operation=look.ends.get(last or 0, ""),
        head_inputs=look.linear.get(last or 0),
    )


def read_units(seen: Sequence[UnitShare]) -> list[UnitFacts]:
    """Read the shares."""
    if not seen:
        return []
    shares = torch.stack([share.float().cpu() for *_, share in seen]).tolist()
    return [
        UnitFacts(name=name, kind=kind, units=units, dead=round(share, 4))
        if kind == "relu"
        else UnitFacts(name=name, kind=kind, units=units, saturated=round(share, 4))
        for (name, kind, units, _), share in zip(seen, shares, strict=True)
    ]


def share_of_top_class(outputs: object) -> Tensor | None:
    """Return the share of the most frequent answer; None: no two classes or more."""
    if not isinstance(outputs, Tensor) or not outputs.is_floating_point():
        return None
    if outputs.ndim != 2 or outputs.shape[1] < 2:
        return None
    return outputs.argmax(1).bincount(minlength=2).amax() / len(outputs)


class WeightScales(NamedTuple):
    """How large each layer's random weights are, as of `Inspection.weight_scale`."""

    names: list[str]
    rows: list[int]
    """Of each weight its count over its fan."""
    norms: Tensor
    """Shape (layers,)."""

    def largest(self) -> tuple[str, float | None]:
        """Read them; return the layer and its scale, None if no scale is a number."""
        pairs = zip(self.norms.tolist(), self.rows, self.names, strict=True)
        # The root mean square times the root of the fan.
        scales = [(norm / rows**0.5, name) for norm, rows, name in pairs]
        known = [each for each in scales if math.isfinite(each[0])]
        scale, name = max(known, default=(None, ""))
        return name, scale


def weights_at_start(
    model: nn.Module, named: Sequence[tuple[str, nn.Parameter]]
) -> dict[str, Any]:
    """Return what is told of the weights before the first update, by name."""
    return {
        "weight_norm_at_start": measure_weights(named),
        "weight_scales": measure_scales(model),
    }


def measure_scales(model: nn.Module) -> WeightScales | None:
    """Measure those layers whose usual weights have a size that their fans decide.

    None: there are none that are trained.
    """
    layers = [
        (name or "model", module.weight.detach())
        for name, module in model.named_modules()
        if isinstance(module, SCALED) and module.weight.requires_grad
    ]
    if not layers:
        return None
    weights = [weight for _, weight in layers]
    norms = torch._foreach_norm(weights, 2)  # noqa: SLF001
    device = norms[0].device
    return WeightScales(
        [name for name, _ in layers],
        [_rows(weight) for weight in weights],
        torch.stack([norm.to(device, torch.float32) for norm in norms]),
    )


def _rows(weight: Tensor) -> int:
    """Return a weight's count over its fan: that of its inputs, or a kernel's smaller one.

    Kernels are often drawn by what they send, so that variances stay on the way back.
    """
    return weight.shape[0] if weight.ndim == 2 else max(weight.shape[:2])


def measure_weights(named: Sequence[tuple[str, nn.Parameter]]) -> Tensor | None:
    """Return the norm of all weight tensors that are trained; None: there are none."""
    weights = [p.detach() for _, p in named if p.requires_grad and p.ndim >= 2]
    return total_norm(weights) if weights else None


def find_alike(
    named: Sequence[tuple[str, nn.Parameter]],
) -> list[tuple[str, Tensor]]:
    """Return for each weight tensor of several units whether these are all the same."""
    found = []
    for name, each in named:
        if not each.requires_grad or each.ndim < 2 or each.shape[0] < 2:
            continue
        rows = each.detach().flatten(1)
        spread = (rows - rows[:1]).abs().amax()
        found.append((name, spread <= ALIKE * rows.abs().amax()))
    return found
