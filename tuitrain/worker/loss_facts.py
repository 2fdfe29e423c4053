"""What a loss function is, and what its targets look like: the facts formulas need.

Nothing is guessed: a subclass with a forward of its own, a lambda, or an argument that no
formula knows leaves the kind open, and the judgement says `unknown`.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows it by
from torch import Tensor, nn

from tuitrain.events import LossFacts

_MODULES: Final[dict[type[nn.Module], str]] = {
    nn.CrossEntropyLoss: "cross_entropy",
    nn.NLLLoss: "nll",
    nn.BCELoss: "bce",
    nn.BCEWithLogitsLoss: "bce_with_logits",
    nn.MultiMarginLoss: "multi_margin",
    nn.MSELoss: "mse",
    nn.L1Loss: "l1",
}
_FUNCTIONS: Final[dict[Callable[..., Tensor], str]] = {
    F.cross_entropy: "cross_entropy",
    F.nll_loss: "nll",
    F.binary_cross_entropy: "bce",
    F.binary_cross_entropy_with_logits: "bce_with_logits",
    F.multi_margin_loss: "multi_margin",
    F.mse_loss: "mse",
    F.l1_loss: "l1",
}
_KNOWN: Final[dict[str, frozenset[str]]] = {
    "cross_entropy": frozenset(
        {"weight", "ignore_index", "reduction", "label_smoothing"}
    ),
    "nll": frozenset({"weight", "ignore_index", "reduction"}),
    "bce": frozenset({"reduction"}),
    "bce_with_logits": frozenset({"reduction", "pos_weight"}),
    "multi_margin": frozenset({"weight", "p", "margin", "reduction"}),
    "mse": frozenset({"reduction"}),
    "l1": frozenset({"reduction"}),
}
"""Arguments whose effect on the initial loss has a formula, by kind."""

CLASS_KINDS: Final = frozenset({"cross_entropy", "nll", "multi_margin"})
"""Kinds whose model has one output a class."""
BINARY_KINDS: Final = frozenset({"bce", "bce_with_logits"})
"""Kinds whose model has one output a yes-or-no question."""
IGNORED_BY_DEFAULT: Final = -100
"""`ignore_index` of torch's criteria where none is given."""


@dataclass(frozen=True)
class Criterion:
    """A loss function as far as it is known without data."""

    name: str
    kind: str | None = None
    """As in `LossFacts`; None: not recognized."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Arguments in force, those of `_KNOWN` only; missing: torch's default."""

    @property
    def ignore_index(self) -> int | None:
        """Target left out of the loss; None: this kind leaves none out."""
        if self.kind not in ("cross_entropy", "nll"):
            return None
        return int(self.arguments.get("ignore_index", IGNORED_BY_DEFAULT))


def recognize(loss: object) -> Criterion:
    """Return what `loss` is: a module, a torch function, or a partial of one."""
    if isinstance(loss, nn.Module):
        return _recognize_module(loss)
    if isinstance(loss, functools.partial):
        kind = None if loss.args else _FUNCTIONS.get(loss.func)
        return _check(getattr(loss.func, "__name__", "partial"), kind, loss.keywords)
    name = getattr(loss, "__name__", type(loss).__name__)
    try:
        return Criterion(name, _FUNCTIONS.get(loss))  # type: ignore[call-overload]
    except TypeError:  # not hashable, so none of torch's functions
        return Criterion(name)


def describe_loss(
    loss: object,
    *,
    outputs: object,
    targets: Sequence[object],
    batch_size: int | None = None,
    expected: float | None = None,
) -> LossFacts:
    """Return the facts of a loss function on the minibatches seen.

    Args:
        loss: The criterion, already without label smoothing if that is off.
        outputs: What the model gave for one of the minibatches; None: not seen.
        targets: Targets of each minibatch, or one element with all of them.
        batch_size: Samples in a minibatch.
        expected: Initial loss declared by the script.
    """
    criterion = recognize(loss)
    shape = outputs.shape if isinstance(outputs, Tensor) else torch.Size()
    known = [each for each in targets if isinstance(each, Tensor) and each.numel()]
    if _is_beyond_formulas(criterion, known):
        criterion = Criterion(criterion.name)
    facts = _facts_of_arguments(criterion)
    classes = _count_classes(criterion.kind, shape)
    return LossFacts(
        name=criterion.name,
        kind=criterion.kind,
        classes=classes,
        outputs=shape[-1] if shape else None,
        batch_size=batch_size,
        expected=None if expected is None else float(expected),
        **facts,
        **_facts_of_targets(criterion, classes, known),
        constant_loss=_measure_constant(loss, criterion.kind, known),
    )


def _recognize_module(loss: nn.Module) -> Criterion:
    name = type(loss).__name__
    for known, kind in _MODULES.items():
        if isinstance(loss, known) and type(loss).forward is known.forward:
            given = {
                name: getattr(loss, name)
                for name in (*_KNOWN[kind], "weight")
                if getattr(loss, name, None) is not None
            }
            return _check(name, kind, given)
    return Criterion(name)


def _check(name: str, kind: str | None, arguments: Mapping[str, Any]) -> Criterion:
    given = {name: value for name, value in arguments.items() if value is not None}
    if kind is None or not _KNOWN[kind].issuperset(given):
        return Criterion(name)
    return Criterion(name, kind, given)


def _is_beyond_formulas(criterion: Criterion, targets: Sequence[Tensor]) -> bool:
    """Whether arguments and targets meet in a way that no formula covers."""
    given = criterion.arguments
    is_soft = any(each.is_floating_point() for each in targets)
    if criterion.kind == "cross_entropy" and is_soft and "weight" in given:
        return True
    # One prior is known for all outputs together, so weights must not differ.
    pos_weight = given.get("pos_weight")
    if isinstance(pos_weight, Tensor) and torch.unique(pos_weight).numel() > 1:
        return True
    # A sum counts target values, and the formulas count samples.
    is_sum = given.get("reduction") == "sum"
    return is_sum and any(_counts_differ(criterion, each) for each in targets)


def _counts_differ(criterion: Criterion, targets: Tensor) -> bool:
    samples = targets.shape[0] if targets.ndim else 1
    if criterion.kind in CLASS_KINDS and targets.is_floating_point():
        return False
    if criterion.ignore_index is None:
        return targets.numel() != samples
    return int((targets != criterion.ignore_index).sum()) != samples


def _facts_of_arguments(criterion: Criterion) -> dict[str, Any]:
    if criterion.kind is None:
        return {}
    given = criterion.arguments
    facts: dict[str, Any] = {
        "reduction": str(given.get("reduction", "mean")),
        "label_smoothing": float(given.get("label_smoothing", 0.0)),
        "ignore_index": criterion.ignore_index,
        "margin": float(given.get("margin", 1.0)),
        "power": int(given.get("p", 1)),
    }
    for name, ours in (("weight", "class_weights"), ("pos_weight", "pos_weights")):
        if isinstance(given.get(name), Tensor):
            facts[ours] = given[name].detach().double().reshape(-1).tolist()
    return facts


def _count_classes(kind: str | None, shape: torch.Size) -> int | None:
    if kind in BINARY_KINDS:
        return 2
    if kind not in CLASS_KINDS or not shape:
        return None
    return shape[1] if len(shape) > 1 else shape[0]


def _facts_of_targets(
    criterion: Criterion, classes: int | None, targets: Sequence[Tensor]
) -> dict[str, Any]:
    if not targets:
        return {}
    if criterion.kind in BINARY_KINDS:
        return {"priors": [_flatten(targets).mean().item()]}
    if criterion.kind in CLASS_KINDS:
        return {"priors": _measure_priors(criterion, classes, targets)}
    if not all(each.is_floating_point() for each in targets):
        return {}
    flat = _flatten(targets)
    return {
        "target_mean": flat.mean().item(),
        "target_second_moment": flat.square().mean().item(),
        "target_mean_abs": flat.abs().mean().item(),
    }


def _measure_priors(
    criterion: Criterion, classes: int | None, targets: Sequence[Tensor]
) -> list[float] | None:
    if classes is None:
        return None
    if all(each.is_floating_point() for each in targets):
        rows = [each.detach().movedim(1, -1).reshape(-1, classes) for each in targets]
        shares: list[float] = torch.cat(rows).double().mean(0).tolist()
        return shares
    flat = torch.cat([each.detach().reshape(-1) for each in targets]).long()
    flat = flat[(flat >= 0) & (flat < classes)]
    if criterion.ignore_index is not None:
        flat = flat[flat != criterion.ignore_index]
    if not flat.numel():
        return None
    counts = torch.bincount(flat, minlength=classes).double()
    priors: list[float] = (counts / flat.numel()).tolist()
    return priors


def _measure_constant(
    loss: object, kind: str | None, targets: Sequence[Tensor]
) -> float | None:
    """Loss of always answering the mean target; None: no regression, or can't be said."""
    if kind in CLASS_KINDS | BINARY_KINDS or not callable(loss) or not targets:
        return None
    if not all(each.is_floating_point() for each in targets):
        return None
    try:
        with torch.no_grad():
            mean = torch.cat([_rows(each) for each in targets]).mean(0)
            losses = [loss(mean.expand_as(each), each) for each in targets]
            return float(torch.stack(losses).double().mean())
    except Exception:  # noqa: BLE001 - somebody else's function, asked for what it may not do
        return None


def _rows(targets: Tensor) -> Tensor:
    return targets.detach() if targets.ndim else targets.detach().reshape(1)


def _flatten(targets: Sequence[Tensor]) -> Tensor:
    return torch.cat([each.detach().reshape(-1) for each in targets]).double()
