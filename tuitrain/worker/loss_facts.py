"""What a loss function is, and what its targets look like: the facts formulas need."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from tuitrain.events import LossFacts
from tuitrain.worker.criteria import (
    CLASS_KINDS,
    REGRESSION_KINDS,
    YES_NO_KINDS,
    Criterion,
    recognize,
)
from tuitrain.worker.target_facts import describe_targets
from tuitrain.worker.zero_output import measure_zero_output

__all__ = ["Criterion", "describe_loss", "recognize"]


def describe_loss(
    loss: object,
    *,
    outputs: object,
    targets: Sequence[object],
    batch_size: int | None = None,
    expected: float | None = None,
    may_ask: bool = False,
) -> LossFacts:
    """Return the facts of a loss function on the minibatches seen.

    Args:
        loss: The criterion, already without label smoothing if that is off.
        outputs: What the model gave for one of the minibatches; None: not seen.
        targets: Targets of each minibatch, or one element with all of them.
        batch_size: Samples in a minibatch.
        expected: Initial loss declared by the script.
        may_ask: Whether a function of the script's own may be called with outputs of 0.
            It may keep count of its calls, so only where nothing is learned afterwards;
            torch's own functions remember nothing and are always asked.
    """
    criterion = recognize(loss)
    shape = outputs.shape if isinstance(outputs, Tensor) else torch.Size()
    known = [each for each in targets if isinstance(each, Tensor) and each.numel()]
    criterion, seen = _describe_seen(criterion, shape, known, batch_size)
    zero_output = None
    if criterion.takes_zeros and (may_ask or criterion.base is not None):
        zero_output = measure_zero_output(
            loss, outputs=outputs, targets=known, batch_size=batch_size
        )
    return LossFacts(
        name=criterion.name,
        kind=criterion.kind,
        outputs=shape[-1] if shape else None,
        batch_size=batch_size,
        expected=None if expected is None else float(expected),
        constant_loss=_measure_constant(loss, criterion.kind, known),
        zero_output_loss=zero_output,
        **seen,
    )


def _describe_seen(
    criterion: Criterion,
    shape: torch.Size,
    targets: Sequence[Tensor],
    batch_size: int | None,
) -> tuple[Criterion, dict[str, Any]]:
    """Return the facts of arguments and targets, and the criterion they leave.

    Where these meet in a way that no formula covers, that is one not recognized.
    """
    classes = _count_classes(criterion.kind, shape)
    facts = _describe_arguments(criterion)
    if not targets:
        return criterion, {**facts, "classes": classes}
    seen = describe_targets(criterion, classes, targets, batch_size)
    if seen is None:
        criterion = criterion.left_open()
        facts, classes = {}, None
        seen = describe_targets(criterion, None, targets, batch_size) or {}
    return criterion, {"classes": classes, **facts, **seen}


def _describe_arguments(criterion: Criterion) -> dict[str, Any]:
    kind, given = criterion.kind, criterion.arguments
    if kind is None:
        return {}
    facts: dict[str, Any] = {
        "reduction": criterion.reduction,
        "label_smoothing": float(given.get("label_smoothing", 0.0)),
        "ignore_index": criterion.ignore_index,
        "margin": criterion.margin,
        "log_input": bool(given.get("log_input", True)),
    }
    if kind == "multi_margin":
        facts["power"] = int(given.get("p", 1))
    if kind in ("smooth_l1", "huber"):
        facts["threshold"] = float(given.get("beta", given.get("delta", 1.0)))
    if kind == "gaussian_nll":
        facts["variance"] = _one_number(given.get("var"))
    for name, ours in (("weight", "class_weights"), ("pos_weight", "pos_weights")):
        if isinstance(given.get(name), Tensor):
            facts[ours] = given[name].detach().double().reshape(-1).tolist()
    return facts


def _one_number(value: object) -> float | None:
    if isinstance(value, Tensor):
        return value.item() if value.numel() == 1 else None
    return float(value) if isinstance(value, int | float) else None


def _count_classes(kind: str | None, shape: torch.Size) -> int | None:
    if kind in YES_NO_KINDS:
        return 2
    if kind not in CLASS_KINDS | {"multi_label_margin"} or not shape:
        return None
    return shape[1] if len(shape) > 1 else shape[0]


def _measure_constant(
    loss: object, kind: str | None, targets: Sequence[Tensor]
) -> float | None:
    """Loss of always answering the mean target; None: no regression, or can't be said."""
    if kind not in REGRESSION_KINDS | {None} or not callable(loss) or not targets:
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
