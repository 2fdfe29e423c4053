"""What a loss function's targets look like: shares, moments, entropies, counts."""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from tuitrain.worker.criteria import (
    CLASS_KINDS,
    LIKELIHOOD_KINDS,
    REGRESSION_KINDS,
    SEVERAL_KINDS,
    YES_NO_KINDS,
    Criterion,
)

MAX_OUTPUTS: Final = 4096
"""Outputs of a binary loss up to which each one's share of positives is told."""
SUM_ERROR: Final = 1e-3
"""By which probabilities may miss a sum of 1 and still be a distribution."""

Facts = dict[str, Any]


def describe_targets(
    criterion: Criterion,
    classes: int | None,
    targets: Sequence[Tensor],
    batch_size: int | None,
) -> Facts | None:
    """Return the facts that need targets; None: no formula covers these.

    Args:
        criterion: The loss function.
        classes: Outputs of the model, where each is a class.
        targets: Of each minibatch, not empty.
        batch_size: Samples in a minibatch.
    """
    kind = criterion.kind
    if kind in SEVERAL_KINDS:
        rows = sum(_count_rows(each) for each in targets)
        return {"counted": _a_minibatch(rows, rows, targets, batch_size)}
    facts: Facts | None
    if kind in YES_NO_KINDS:
        facts = _describe_answers(criterion, targets)
    elif kind in CLASS_KINDS:
        soft = all(each.is_floating_point() for each in targets)
        facts = {"priors": _measure_priors(criterion, classes, targets)}
        facts["soft_targets"] = soft and kind == "cross_entropy"
    elif kind == "kl_div":
        facts = _describe_distributions(criterion, targets)
    elif kind == "multi_label_margin":
        facts = _describe_label_sets(targets)
    elif kind == "hinge_embedding":
        facts = {"priors": [(_flatten(targets) > 0).double().mean().item()]}
    else:
        facts = _describe_numbers(criterion, targets)
    if facts is None or kind is None:
        return facts
    values = 1
    if kind == "kl_div" or facts.get("soft_targets"):
        values = facts.get("classes") or classes or 1
    is_a_sample = kind in ("multi_margin", "multi_label_margin")
    is_a_sample = is_a_sample or kind == "multi_label_soft_margin"
    return facts | _count(criterion, targets, batch_size, values, by_row=is_a_sample)


def _count(
    criterion: Criterion,
    targets: Sequence[Tensor],
    batch_size: int | None,
    values: int,
    *,
    by_row: bool,
) -> Facts:
    """Count targets a sample, and terms a sum over a minibatch has.

    Args:
        criterion: Leaves targets out, perhaps.
        targets: Of each minibatch.
        batch_size: Samples in a minibatch.
        values: Numbers that make one target.
        by_row: The loss of a sample is one term, however many targets it has.
    """
    rows = sum(_count_rows(each) for each in targets)
    sizes = {each.numel() / values / _count_rows(each) for each in targets}
    positions = None
    if len(sizes) == 1 and not by_row and (size := sizes.pop()) > 1:
        positions = int(size)
    terms: float = rows if by_row else sum(each.numel() for each in targets) / values
    if criterion.ignore_index is not None and values == 1:
        kept = [(each != criterion.ignore_index).sum() for each in targets]
        terms = int(torch.stack(kept).sum())
    return {
        "positions": positions,
        "counted": _a_minibatch(terms, rows, targets, batch_size),
    }


def _a_minibatch(
    terms: float, rows: int, targets: Sequence[Tensor], batch_size: int | None
) -> float:
    if batch_size is None:
        return terms / len(targets)
    return terms / rows * batch_size


def _count_rows(targets: Tensor) -> int:
    return targets.shape[0] if targets.ndim else 1


# --- yes or no ---


def _describe_answers(criterion: Criterion, targets: Sequence[Tensor]) -> Facts | None:
    """Return shares of positives and weights, by output where outputs differ."""
    if criterion.kind == "soft_margin":
        answers = [(each.detach().double() + 1) / 2 for each in targets]
        if any(((each != 0) & (each != 1)).any() for each in answers):
            return {}
    else:
        answers = [each.detach().double() for each in targets]
    weights = {
        ours: criterion.arguments[name].detach().double().cpu()
        for name, ours in (("weight", "class_weights"), ("pos_weight", "pos_weights"))
        if isinstance(criterion.arguments.get(name), Tensor)
    }
    layout = _find_layout(list(weights.values()), targets)
    if layout is None:
        return None
    facts: Facts = {"priors": [_flatten(answers).mean().item()]}
    for name, weight in weights.items():
        spread = weight.expand(layout).reshape(-1).tolist()
        facts[name] = spread[:1] if len(set(spread)) == 1 else spread
    if 1 < layout.numel() <= MAX_OUTPUTS:
        sums = [each.sum_to_size(layout) for each in answers]
        total = torch.stack(sums).sum(0).reshape(-1) * layout.numel()
        facts["output_priors"] = (total / sum(e.numel() for e in answers)).tolist()
    elif any(len(facts[name]) > 1 for name in weights):
        return None
    return facts


def _find_layout(
    weights: Sequence[Tensor], targets: Sequence[Tensor]
) -> torch.Size | None:
    """Return the shape of what differs by output; None: weights differ by sample."""
    shapes = [each.shape for each in weights]
    columns = {each.shape[1:] for each in targets}
    if len(columns) == 1 and all(each.ndim == 2 for each in targets):
        shapes.append(columns.pop())
    try:
        layout = np.broadcast_shapes(*shapes)
        for each in targets:
            if np.broadcast_shapes(layout, each.shape) != each.shape:
                return None
            if len(layout) == each.ndim and layout and layout[0] != 1:
                return None
    except ValueError:  # shapes that don't go together
        return None
    return torch.Size(layout)


# --- classes ---


def _measure_priors(
    criterion: Criterion, classes: int | None, targets: Sequence[Tensor]
) -> list[float] | None:
    if classes is None:
        return None
    if all(each.is_floating_point() for each in targets):
        rows = [
            (each if each.ndim < 2 else each.movedim(1, -1)).detach()
            for each in targets
        ]
        flat = torch.cat([each.reshape(-1, classes) for each in rows])
        shares: list[float] = flat.double().mean(0).tolist()
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


def _describe_distributions(
    criterion: Criterion, targets: Sequence[Tensor]
) -> Facts | None:
    """Describe targets that are distributions; None: they aren't any."""
    shares = [each.detach().double() for each in targets]
    if criterion.arguments.get("log_target"):
        shares = [each.exp() for each in shares]
    dimension = next(
        (d for d in (-1, 1) if all(_sums_to_one(each, d) for each in shares)), None
    )
    if dimension is None:
        return None
    last = [each.movedim(dimension, -1) for each in shares]
    if len({each.shape[-1] for each in last}) > 1:
        return None
    rows = torch.cat([each.reshape(-1, each.shape[-1]) for each in last])
    return {
        "classes": rows.shape[-1],
        "priors": rows.mean(0).tolist(),
        "target_entropy": torch.special.entr(rows).sum(-1).mean().item(),
    }


def _sums_to_one(shares: Tensor, dimension: int) -> bool:
    if shares.ndim < 2:
        return False
    return bool(((shares.sum(dimension) - 1).abs() < SUM_ERROR).all())


def _describe_label_sets(targets: Sequence[Tensor]) -> Facts:
    """Count true labels, whose indices stand before the first -1."""
    counts = [(each.detach() >= 0).cumprod(-1).sum(-1).reshape(-1) for each in targets]
    flat = torch.cat(counts).double()
    return {
        "positives_mean": flat.mean().item(),
        "positives_second_moment": flat.square().mean().item(),
    }


# --- numbers ---


def _describe_numbers(criterion: Criterion, targets: Sequence[Tensor]) -> Facts:
    kind = criterion.kind
    if kind not in REGRESSION_KINDS | LIKELIHOOD_KINDS | {None}:
        return {}
    if kind != "poisson_nll" and not all(each.is_floating_point() for each in targets):
        return {}
    flat = _flatten(targets)
    facts = {
        "target_mean": flat.mean().item(),
        "target_second_moment": flat.square().mean().item(),
        "target_mean_abs": flat.abs().mean().item(),
    }
    if not criterion.arguments.get("full"):
        return facts
    if kind == "gaussian_nll":
        return facts | {"constant_term": 0.5 * math.log(2 * math.pi)}
    large = flat[flat > 1]
    # Stirling's approximation of ln y!, which torch leaves out up to y = 1.
    stirling = large * large.log() - large + 0.5 * (2 * math.pi * large).log()
    return facts | {"constant_term": stirling.sum().item() / flat.numel()}


def _flatten(targets: Sequence[Tensor]) -> Tensor:
    return torch.cat([each.detach().reshape(-1) for each in targets]).double()
