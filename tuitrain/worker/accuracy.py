"""Accuracy of a minibatch, counted on the device."""

from typing import NamedTuple

from torch import Tensor

NOT_COUNTED = -100
"""Target value that torch's criteria leave out unless told otherwise."""


class Counted(NamedTuple):
    """Right answers among those that count; both stay on the device."""

    correct: Tensor
    """One number."""
    total: Tensor | int

    @property
    def share(self) -> Tensor:
        """Accuracy 0..1; NaN where no target counts."""
        return self.correct.double() / self.total


def count_correct(
    outputs: object,
    targets: object,
    *,
    kind: str | None = None,
    ignore_index: int | None = None,
) -> Counted | None:
    """Compare a classifier's outputs with its targets.

    Args:
        outputs: Scores, shape (batch, classes, …) or (batch, …, classes); for binary
            losses the shape of the targets.
        targets: Class indices, shape (batch, …); probabilities of the shape of `outputs`
            where `kind` takes them.
        kind: Kind of the loss, as in `LossFacts`; it tells binary problems apart.
        ignore_index: Target that does not count; None: `NOT_COUNTED`.

    Returns:
        The count, or None: this is no classification that shapes and kind tell.
    """
    if not isinstance(outputs, Tensor) or not isinstance(targets, Tensor):
        return None
    outputs = outputs.detach()
    if kind in ("bce", "bce_with_logits"):
        if outputs.shape != targets.shape:
            return None
        threshold = 0.5 if kind == "bce" else 0.0
        hits = (outputs > threshold) == (targets > 0.5)
        return Counted(hits.sum(), hits.numel())
    if targets.is_floating_point():
        if (
            kind != "cross_entropy"
            or outputs.shape != targets.shape
            or targets.ndim < 2
        ):
            return None
        hits = outputs.argmax(1) == targets.argmax(1)
        return Counted(hits.sum(), hits.numel())
    return _count_classes(outputs, targets, ignore_index)


def _count_classes(
    outputs: Tensor, targets: Tensor, ignore_index: int | None
) -> Counted | None:
    dimension = _find_class_dimension(outputs, targets)
    if dimension is None:
        return None
    kept = targets != (NOT_COUNTED if ignore_index is None else ignore_index)
    hits = (outputs.argmax(dimension) == targets) & kept
    return Counted(hits.sum(), kept.sum())


def _find_class_dimension(outputs: Tensor, targets: Tensor) -> int | None:
    if not outputs.is_floating_point() or outputs.ndim != targets.ndim + 1:
        return None
    if targets.ndim and outputs.shape[:1] + outputs.shape[2:] == targets.shape:
        return 1 if outputs.shape[1] > 1 else None
    if outputs.shape[:-1] == targets.shape:
        return -1 if outputs.shape[-1] > 1 else None
    return None
