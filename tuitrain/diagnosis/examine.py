"""All rules on one trial, and which finding follows from which."""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from tuitrain.diagnosis.bad_initialization import find_bad_initialization
from tuitrain.diagnosis.curves import Curves, read_curves
from tuitrain.diagnosis.divergence import find_divergence
from tuitrain.diagnosis.generalization_gap import find_generalization_gap
from tuitrain.diagnosis.labels_carry_no_signal import find_labels_without_signal
from tuitrain.diagnosis.loss_not_decreasing import find_loss_not_decreasing
from tuitrain.diagnosis.loss_plateau import find_loss_plateau
from tuitrain.diagnosis.lr_decayed_too_early import find_lr_decayed_too_early
from tuitrain.diagnosis.lr_not_in_force import find_lr_not_in_force
from tuitrain.diagnosis.needs_longer_training import find_needs_longer_training
from tuitrain.diagnosis.non_finite import find_non_finite
from tuitrain.diagnosis.overfitting import find_overfitting
from tuitrain.diagnosis.underfitting import find_underfitting
from tuitrain.diagnosis.update_ratio import (
    find_lr_too_high,
    find_lr_too_low,
    find_update_ratio_off,
)
from tuitrain.diagnosis.zero_initialization import find_zero_initialization
from tuitrain.events import Finding, TrialId
from tuitrain.model import StudyModel


def _zero_initialization(curves: Curves) -> Finding | None:
    return find_zero_initialization(curves.ratios)


def _non_finite(curves: Curves) -> Finding | None:
    return find_non_finite(curves.loss, curves.configured_lr)


def _divergence(curves: Curves) -> Finding | None:
    return find_divergence(curves.loss.values, curves.configured_lr)


def _loss_not_decreasing(curves: Curves) -> Finding | None:
    return find_loss_not_decreasing(curves.loss.values, curves.chance)


LOSS_RULES: Final[tuple[Callable[[Curves], Finding | None], ...]] = (
    _zero_initialization,
    find_lr_not_in_force,
    find_labels_without_signal,
    _non_finite,
    _divergence,
    find_lr_too_high,
    find_lr_too_low,
    _loss_not_decreasing,
    find_bad_initialization,
)
"""Rules on the training loss and the updates; causes before their symptoms."""

CURVE_RULES: Final[tuple[Callable[[Curves], Finding | None], ...]] = (
    find_overfitting,
    find_generalization_gap,
    find_underfitting,
    find_lr_decayed_too_early,
    find_loss_plateau,
    find_needs_longer_training,
    find_update_ratio_off,
)
"""Rules on a whole learning curve; a few minibatches, over and over, have none."""

_STOPS_LEARNING: Final = (
    "zero_initialization",
    "lr_not_in_force",
    "labels_carry_no_signal",
    "non_finite",
    "divergence",
    "lr_too_high",
    "lr_too_low",
)

CAUSES: Final[dict[str, tuple[str, ...]]] = {
    "non_finite": ("lr_not_in_force", "lr_too_high"),
    "divergence": ("lr_not_in_force", "non_finite", "lr_too_high"),
    "lr_too_high": ("lr_not_in_force",),
    "lr_too_low": ("zero_initialization",),
    "loss_not_decreasing": _STOPS_LEARNING,
    "loss_exploded": ("lr_not_in_force",),
    "stuck_below_fit": ("zero_initialization", "lr_not_in_force"),
    "lr_at_edge": ("lr_not_in_force",),
    "bad_initialization": ("lr_too_low",),
    "overfitting": ("labels_carry_no_signal",),
    "overconfidence": ("labels_carry_no_signal",),
    "generalization_gap": ("labels_carry_no_signal", "overfitting"),
    "underfitting": (*_STOPS_LEARNING, "loss_not_decreasing", "lr_decayed_too_early"),
    "loss_plateau": (
        *_STOPS_LEARNING,
        "loss_not_decreasing",
        "lr_decayed_too_early",
        "underfitting",
    ),
    "update_ratio_off": ("zero_initialization",),
}
"""For each symptom the findings it may follow from, the most direct evidence first:
probes before numeric failure, numeric failure before the shape of curves."""


def examine(model: StudyModel, trial: TrialId) -> tuple[Finding, ...]:
    """Return what the rules see in the trial's whole trajectory.

    Causes come before what follows from them, and the more severe before the less.
    Nothing is found where no update is made (step 1).
    """
    known = model.trials.get(trial)
    if known is None or not known.limits.update:
        return ()
    curves = read_curves(model, trial)
    rules = LOSS_RULES
    if known.limits.batches is None:
        rules = (*LOSS_RULES, *CURVE_RULES)
    found = [rule(curves) for rule in rules]
    named = [msgspec.structs.replace(f, trial=trial) for f in found if f is not None]
    return arrange(named)


def arrange(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Say of each finding what it follows from, and order them."""
    findings = list(found)
    kinds = {finding.kind for finding in findings}
    linked = [
        msgspec.structs.replace(f, consequence_of=_find_cause(f.kind, kinds))
        for f in findings
    ]
    return tuple(
        sorted(linked, key=lambda f: (f.consequence_of is not None, -f.severity.rank))
    )


def _find_cause(kind: str, kinds: set[str]) -> str | None:
    return next((cause for cause in CAUSES.get(kind, ()) if cause in kinds), None)
