"""All rules on one trial."""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from tuitrain.diagnosis.arbitration import arrange
from tuitrain.diagnosis.curves import Curves, read_curves
from tuitrain.diagnosis.rules.bad_initialization import (
    find_bad_initialization,
    find_faint_signal,
    find_large_weights,
)
from tuitrain.diagnosis.rules.class_collapse import find_class_collapse
from tuitrain.diagnosis.rules.dead_relu import find_dead_relu
from tuitrain.diagnosis.rules.divergence import find_divergence
from tuitrain.diagnosis.rules.excess_regularization import find_excess_regularization
from tuitrain.diagnosis.rules.exploding_gradients import find_exploding_gradients
from tuitrain.diagnosis.rules.generalization_gap import find_generalization_gap
from tuitrain.diagnosis.rules.gradients_not_zeroed import find_gradients_not_zeroed
from tuitrain.diagnosis.rules.initial_loss_at_start import find_initial_loss_at_start
from tuitrain.diagnosis.rules.input_ignored import find_input_ignored
from tuitrain.diagnosis.rules.labels_carry_no_signal import find_labels_without_signal
from tuitrain.diagnosis.rules.loss_not_decreasing import find_loss_not_decreasing
from tuitrain.diagnosis.rules.loss_plateau import find_loss_plateau
from tuitrain.diagnosis.rules.lr_decayed_too_early import find_lr_decayed_too_early
from tuitrain.diagnosis.rules.lr_not_in_force import find_lr_not_in_force
from tuitrain.diagnosis.rules.lr_too_high import find_lr_too_high
from tuitrain.diagnosis.rules.lr_too_low import (
    find_lr_perhaps_too_low,
    find_lr_too_low,
)
from tuitrain.diagnosis.rules.mixed_samples import find_mixed_samples
from tuitrain.diagnosis.rules.needs_longer_training import find_needs_longer_training
from tuitrain.diagnosis.rules.no_gradient import find_no_gradient
from tuitrain.diagnosis.rules.non_finite import find_non_finite, find_non_finite_inputs
from tuitrain.diagnosis.rules.not_in_optimizer import find_not_in_optimizer
from tuitrain.diagnosis.rules.out_of_memory import find_out_of_memory
from tuitrain.diagnosis.rules.output_loss_mismatch import find_output_loss_mismatch
from tuitrain.diagnosis.rules.overfitting import find_overfitting
from tuitrain.diagnosis.rules.saturated_activations import find_saturated_activations
from tuitrain.diagnosis.rules.saturated_early import find_saturated_early
from tuitrain.diagnosis.rules.stalled import find_stalled
from tuitrain.diagnosis.rules.symmetric_initialization import (
    find_symmetric_initialization,
)
from tuitrain.diagnosis.rules.train_val_leakage import find_train_val_leakage
from tuitrain.diagnosis.rules.underfitting import find_underfitting
from tuitrain.diagnosis.rules.unnormalized_inputs import find_unnormalized_inputs
from tuitrain.diagnosis.rules.update_ratio_off import find_update_ratio_off
from tuitrain.diagnosis.rules.update_ratios import (
    TOO_HIGH_EARLY,
    divide_lr,
    highest_ratio,
)
from tuitrain.diagnosis.rules.vanishing_gradients import find_vanishing_gradients
from tuitrain.diagnosis.rules.wrong_mode import find_wrong_mode
from tuitrain.diagnosis.rules.wrong_reduction import find_wrong_reduction
from tuitrain.events import Finding, TrialId
from tuitrain.model import StudyModel

Rule = Callable[[Curves], Finding | None]

PROBE_RULES: Final[tuple[Rule, ...]] = (
    find_gradients_not_zeroed,
    find_output_loss_mismatch,
    find_not_in_optimizer,
    find_mixed_samples,
    find_wrong_reduction,
    find_wrong_mode,
    find_unnormalized_inputs,
    find_non_finite_inputs,
    find_faint_signal,
    find_large_weights,
    find_train_val_leakage,
)
"""Rules on what a look inside the process found, without an update, too."""


def _non_finite(curves: Curves) -> Finding | None:
    return find_non_finite(
        curves.loss,
        curves.configured_lr,
        divide_lr(curves, at_least=10),
        is_driven=highest_ratio(curves) > TOO_HIGH_EARLY,
    )


def _divergence(curves: Curves) -> Finding | None:
    return find_divergence(
        curves.loss.values, curves.configured_lr, divide_lr(curves, at_least=10)
    )


def _loss_not_decreasing(curves: Curves) -> Finding | None:
    return find_loss_not_decreasing(curves.loss.values, curves.chance)


BUG_RULES: Final[tuple[Rule, ...]] = (
    find_symmetric_initialization,
    find_input_ignored,
    find_no_gradient,
    find_dead_relu,
    find_saturated_activations,
)
"""Rules on what such a look found after some updates."""

LOSS_RULES: Final[tuple[Rule, ...]] = (
    *BUG_RULES,
    find_lr_not_in_force,
    find_initial_loss_at_start,
    find_vanishing_gradients,
    find_exploding_gradients,
    find_labels_without_signal,
    _non_finite,
    _divergence,
    find_lr_too_high,
    find_lr_too_low,
    _loss_not_decreasing,
    find_bad_initialization,
    find_stalled,
)
"""Rules on the training loss and the updates; causes before their symptoms."""

CURVE_RULES: Final[tuple[Rule, ...]] = (
    find_excess_regularization,
    find_overfitting,
    find_generalization_gap,
    find_underfitting,
    find_class_collapse,
    find_lr_decayed_too_early,
    find_loss_plateau,
    find_needs_longer_training,
    find_lr_perhaps_too_low,
    find_saturated_early,
    find_update_ratio_off,
)
"""Rules on a whole learning curve; a few minibatches, over and over, have none."""


def examine(model: StudyModel, trial: TrialId) -> tuple[Finding, ...]:
    """Return what the rules see in the trial's whole trajectory.

    Causes come before what follows from them, and the more severe before the less.
    Where no update is made (step 1), only probes are asked.
    """
    known = model.trials.get(trial)
    if known is None:
        return ()
    curves = read_curves(model, trial)
    rules: tuple[Rule, ...] = (find_out_of_memory, *PROBE_RULES)
    if known.limits.update:
        rules = (*rules, *LOSS_RULES)
        if known.limits.batches is None:
            rules = (*rules, *CURVE_RULES)
    found = (rule(curves) for rule in rules)
    named = _one_of_each(each for each in found if each is not None)
    return arrange(msgspec.structs.replace(each, trial=trial) for each in named)


def look_inside(curves: Curves) -> tuple[Finding, ...]:
    """Return the bugs that probes saw directly, whatever became of the loss."""
    found = (rule(curves) for rule in (*PROBE_RULES, *BUG_RULES))
    return arrange(_one_of_each(each for each in found if each is not None))


def _one_of_each(findings: Iterable[Finding]) -> Iterable[Finding]:
    """Return one finding of each kind: of two rules that see a fault the graver.

    Of two that are as grave it is the first, which saw it more directly.
    """
    found: dict[str, Finding] = {}
    for each in findings:
        known = found.get(each.kind)
        if known is None or each.severity.rank > known.severity.rank:
            found[each.kind] = each
    return found.values()
