"""A trial of tuitrain, as the ports see it."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from tests.benchmarks.diagnosis.peers.contract import Numbers, Readings, RunView
from tuitrain.diagnosis import Curves, read_curves
from tuitrain.events import TrialId
from tuitrain.model import Series, StudyModel, TrialModel, lineage

CLASSIFICATION_KINDS: Final = frozenset(
    {"cross_entropy", "nll", "bce", "bce_with_logits", "multi_margin"}
)
BINARY_KINDS: Final = frozenset({"bce", "bce_with_logits"})


def view_of(
    model: StudyModel,
    trial: TrialId,
    *,
    tensors: Mapping[str, Readings],
    optimizer: str | None = None,
    dropout: float | None = None,
) -> RunView:
    """Return what ports may look at, over the whole trajectory that ends in `trial`.

    Args:
        model: Of the study, folded.
        trial: Its last part, where it was resumed.
        tensors: `values` of the `TensorLog` that watched it; may be empty.
        optimizer: Class name; None: not known.
        dropout: Largest rate in the model; None: not known.
    """
    curves, parts = read_curves(model, trial), lineage(model, trial)
    ends = _ends_of_epochs(parts, curves)
    kind = curves.facts.kind if curves.facts is not None else None
    return RunView(
        iterations=curves.loss.iterations,
        loss=curves.loss.values,
        accuracy=curves.accuracy.values,
        epoch_iterations=ends,
        val_loss=curves.val_loss.values,
        val_accuracy=curves.val_accuracy.values,
        train_loss_by_epoch=mean_by_epoch(curves.loss, ends),
        train_accuracy_by_epoch=mean_by_epoch(curves.accuracy, ends),
        lr=curves.configured_lr,
        is_classification=kind in CLASSIFICATION_KINDS or len(curves.accuracy) > 0,
        classes=_classes(curves),
        optimizer=optimizer,
        dropout=dropout,
        tensors={**tensors, **_facts(curves, parts)},
    )


def mean_by_epoch(series: Series, ends: tuple[int, ...]) -> Numbers:
    """Return the mean over each epoch's iterations; NaN stays NaN, as in a Keras log."""
    if not len(series) or not ends:
        return np.zeros(0)
    at = np.searchsorted(series.iterations, ends, side="right")
    values, starts = series.values, [0, *at[:-1]]
    with np.errstate(invalid="ignore"):
        means = [
            float(np.mean(values[start:end])) if end > start else np.nan
            for start, end in zip(starts, at, strict=True)
        ]
    return np.array(means)


def _ends_of_epochs(parts: tuple[TrialModel, ...], curves: Curves) -> tuple[int, ...]:
    ends: list[int] = []
    for part in parts:
        if part.epoch_iterations:
            ends = [end for end in ends if end < part.epoch_iterations[0]]
        ends.extend(part.epoch_iterations)
    return tuple(ends or curves.val_loss.iterations.tolist())


def _classes(curves: Curves) -> int | None:
    if curves.facts is None:
        return None
    return 2 if curves.facts.kind in BINARY_KINDS else curves.facts.classes


def _facts(curves: Curves, parts: tuple[TrialModel, ...]) -> dict[str, Readings]:
    """Return what tuitrain knows besides: labels, kind of loss, pauses."""
    facts: dict[str, Readings] = {}
    if curves.facts is not None:
        shares = curves.facts.priors or []
        both = [1 - shares[0], shares[0]] if len(shares) == 1 else shares
        facts = {f"label_share/{n}": [(0, share)] for n, share in enumerate(both)}
        facts["expects_log_probabilities"] = [(0, float(curves.facts.kind == "nll"))]
    task = next((part.task for part in reversed(parts) if part.task), None)
    last = curves.loss.last_iteration
    if task is not None and task.batch_size and last:
        facts["label_samples"] = [(last, float(task.batch_size * last))]
    pauses = [np.diff(part.times.values) for part in parts if len(part.times) > 1]
    if pauses and last:
        facts["longest_pause_s"] = [(last, float(np.max(np.concatenate(pauses))))]
    return facts
