"""SageMaker Debugger's built-in rules with their documented defaults.

The rules' code is closed, so this is a port of the documentation, never the product.
Quotes are from awsdocs/amazon-sagemaker-developer-guide,
doc_source/debugger-built-in-rules.md @1c4d5ff, backslashes left out. Readings, each the
one with fewer false alarms:

- Tensors are weights of two and more dimensions: no biases, no gains.
- A "step" of a rule on losses is one evaluation (epoch), not one iteration.
- `save_interval` 500 is not imitated: every reading of the `TensorLog` is a saved step.
"""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from tests.benchmarks.diagnosis.peers.contract import Alarm, Numbers, RunView
from tests.benchmarks.diagnosis.peers.kinds import alarm

VANISHING: Final = 1e-7
# "threshold | The value at which the gradient is determined to be vanishing. … Default
# value: `0.0000001`."
DEAD_LAYER: Final = 0.5
# DeadRelu and SaturatedActivation: "threshold_layer … Default values: `50.0`" (percent).
LARGE_UPDATE, SMALL_UPDATE = 10.0, 1e-8
# "large_threshold … Default value: `10.0`"; "small_threshold … `0.00000001`".
VARIANCE_RATIO: Final = 10.0
# "If the ratio between minimum and maximum variance of weights per layer exceeds the
# `threshold` at a step … Default value: `10.0`".
DISTRIBUTION_RANGE: Final = 1e-3
# "minimum difference between 5th and 95th percentiles of the gradient distribution …
# Default value: `0.001`".
INIT_PATIENCE, INIT_STEPS = 5, 10
# "patience | The number of steps to wait until the loss is considered to be no longer
# decreasing. … `5`"; "steps | The number of steps this rule analyzes. … `10`".
NUM_STEPS: Final = 10
# "num_steps | The minimum number of steps after which the rule checks if the loss has
# decreased. Rule evaluation happens every `num_steps`. … Default value: `10`".
OVERFIT_RATIO, OVERFIT_PATIENCE = 0.1, 1
# "ratio_threshold | The maximum ratio of the difference between the mean validation loss
# and mean training loss to the mean training loss. … `0.1`"; "patience … `1`".
PATIENCE_TRAIN, PATIENCE_VALIDATION, DELTA = 5, 10, 0.1
# "patience_train … `5`", "patience_validation … `10`", "delta | The minimum threshold by
# how much the error should improve before it is considered as a new optimum. … `0.1`".
UNCHANGED_STEPS: Final = 3
# "num_steps | The number of steps across which the rule checks to determine if the tensor
# has changed. … Default value: `3`".
IMBALANCE, MISPREDICTION, LABELS = 10.0, 0.7, 500
# "threshold_imbalance … `10`", "threshold_misprediction … `0.7`", "samples … `500`".
INPUT_MEAN, INPUT_SAMPLES = 0.2, 500
# "threshold_mean … Default value: `0.2`", "threshold_samples … `500`".
STALLED_S: Final = 1800.0
# "Default value is 1800 seconds."


def vanishing_gradient(view: RunView) -> bool:
    """Mean of the absolute gradient of some weight tensor, at some saved step."""
    return any(value < VANISHING for value in view.readings("grad_mean_abs"))


def exploding_tensor(view: RunView) -> bool:
    """NaN or infinity in a loss, a gradient or a weight."""
    tensors = (*view.readings("grad_max_abs"), *view.readings("weight_norm"))
    losses = (view.loss, view.val_loss, np.array(tensors))
    return any(not np.isfinite(values).all() for values in losses)


def dead_relu(view: RunView) -> bool:
    """More than half of a layer's units inactive throughout a batch."""
    return any(share > DEAD_LAYER for share in view.readings("relu_inactive_share"))


def saturated_activation(view: RunView) -> bool:
    """The same for tanh and sigmoid. A unit is saturated if 99 % of a batch are."""
    return any(
        share > DEAD_LAYER
        for what in ("tanh_saturated_share", "sigmoid_saturated_share")
        for share in view.readings(what)
    )


def large_update(view: RunView) -> bool:
    """Update over weight, as L2 norms of two consecutive steps (the page names none)."""
    return any(ratio > LARGE_UPDATE for ratio in view.readings("update_ratio"))


def small_update(view: RunView) -> bool:
    """The other end of WeightUpdateRatio."""
    return any(ratio < SMALL_UPDATE for ratio in view.readings("update_ratio"))


def poor_weight_initialization(view: RunView) -> bool:
    """Reading: the rule "checks the variance …, the distribution …, and the loss".

    One of the first two and the loss must agree; each parameter's own row says that it
    alone returns True, which almost every network with layers of unlike width would do.
    """
    variances = list(view.readings("weight_variance"))
    low, high = min(variances, default=0.0), max(variances, default=0.0)
    uneven = high > VARIANCE_RATIO * low
    narrow = any(value < DISTRIBUTION_RANGE for value in view.readings("grad_spread"))
    return (uneven or narrow) and _waits(view.loss[:INIT_STEPS], INIT_PATIENCE)


def loss_not_decreasing(view: RunView) -> bool:
    """Every 10 evaluations, the loss against the one 10 evaluations before.

    "checks in order by default for the `mode.EVAL`, then `mode.TRAIN`": validation loss,
    else training loss by epoch. Reading: a plain decrease (`diff_percent` has no
    default); with steps as iterations it compares each epoch with the one before, which
    the pilot found to alarm on 55 of 60 healthy runs.
    """
    losses = view.val_loss if len(view.val_loss) else view.train_loss_by_epoch
    checked = losses[::NUM_STEPS]
    return any(not now < before for before, now in itertools.pairwise(checked))


def overfit(view: RunView) -> bool:
    """Reading: the ratio is "allowed to exceed" for one evaluation, the next one alarms."""
    epochs = min(len(view.val_loss), len(view.train_loss_by_epoch))
    train, val = view.train_loss_by_epoch[:epochs], view.val_loss[:epochs]
    over = (val - train) > OVERFIT_RATIO * np.abs(train)
    return longest_row(over) > OVERFIT_PATIENCE


def overtraining(view: RunView) -> bool:
    """Reading: both losses have waited too long, by their patience, at the same time.

    A new optimum is one that is better by 0.1 or by 10 %, whichever is less.
    """
    epochs = min(len(view.val_loss), len(view.train_loss_by_epoch))
    train = waiting(view.train_loss_by_epoch[:epochs])
    val = waiting(view.val_loss[:epochs])
    return bool(((train >= PATIENCE_TRAIN) & (val >= PATIENCE_VALIDATION)).any())


def unchanged_tensor(view: RunView) -> bool:
    """Reading: three comparisons in a row of one weight tensor, saved steps apart."""
    rows = view.layers("unchanged").values()
    return any(
        longest_row([value == 1.0 for _, value in row]) >= UNCHANGED_STEPS
        for row in rows
    )


def class_imbalance(view: RunView) -> bool:
    """Labels counted by class; mispredictions as far as they follow from predictions.

    A class that is predicted less than 0.3 times as often as it occurs is mispredicted
    in more than 70 % of its samples, whatever it is taken for. Classes never seen are
    left out.
    """
    if (view.last("label_samples") or 0.0) < LABELS:
        return False
    shares = {name: row[-1][1] for name, row in view.layers("label_share").items()}
    seen = {name: share for name, share in shares.items() if share > 0}
    if len(seen) > 1 and max(seen.values()) > IMBALANCE * min(seen.values()):
        return True
    predicted = {n: row[-1][1] for n, row in view.layers("predicted_share").items()}
    return predicted.keys() >= seen.keys() and any(
        predicted[name] < (1 - MISPREDICTION) * share for name, share in seen.items()
    )


def check_input_images(view: RunView) -> bool:
    """Reading: for images only, four dimensions, and the mean over all channels."""
    images = view.last("input_ndim") == 4
    enough = (view.last("input_samples") or 0.0) >= INPUT_SAMPLES
    return images and enough and abs(view.last("input_mean") or 0.0) > INPUT_MEAN


def stalled_training(view: RunView) -> bool:
    """No tensor for half an hour, while the run lasted."""
    return (view.last("longest_pause_s") or 0.0) > STALLED_S


def waiting(losses: Numbers) -> Numbers:
    """Return after each evaluation for how many there has been no new optimum."""
    best, waited = np.inf, []
    since = 0
    for loss in losses:
        if not np.isfinite(best) or loss < best - min(DELTA, DELTA * abs(best)):
            best, since = float(loss), 0
        else:
            since += 1
        waited.append(since)
    return np.array(waited, dtype=np.float64)


def longest_row(flags: Iterable[bool]) -> int:
    """Return the length of the longest row of true flags."""
    longest = now = 0
    for flag in flags:
        now = now + 1 if flag else 0
        longest = max(longest, now)
    return longest


def _waits(losses: Numbers, patience: int) -> bool:
    """Whether there is no new smallest loss for `patience` steps in a row."""
    smallest = np.minimum.accumulate(losses)
    return (
        longest_row(
            not now < before for before, now in zip(smallest, losses[1:], strict=False)
        )
        >= patience
    )


TENSOR_RULES: Final[dict[str, Callable[[RunView], bool]]] = {
    "VanishingGradient": vanishing_gradient,
    "ExplodingTensor": exploding_tensor,
    "DeadRelu": dead_relu,
    "SaturatedActivation": saturated_activation,
    "WeightUpdateRatio large": large_update,
    "WeightUpdateRatio small": small_update,
    "PoorWeightInitialization": poor_weight_initialization,
    "UnchangedTensor": unchanged_tensor,
}
"""Those that look at weights, gradients and activations."""

RULES: Final[dict[str, Callable[[RunView], bool]]] = {
    **TENSOR_RULES,
    "LossNotDecreasing": loss_not_decreasing,
    "Overfit": overfit,
    "Overtraining": overtraining,
    "ClassImbalance": class_imbalance,
    "CheckInputImages": check_input_images,
    "StalledTrainingRule": stalled_training,
}


@dataclass(frozen=True)
class SageMaker:
    """All rules, or those that look at tensors: a job runs the rules it is given."""

    name: str = "SageMaker Debugger (port)"
    tensors_only: bool = False
    source: str = (
        "awsdocs/amazon-sagemaker-developer-guide@1c4d5ff, "
        "doc_source/debugger-built-in-rules.md"
    )

    def alarms(self, view: RunView) -> list[Alarm]:
        """Return the rules that fire."""
        rules = TENSOR_RULES if self.tensors_only else RULES
        return [alarm("sagemaker", name) for name, rule in rules.items() if rule(view)]
