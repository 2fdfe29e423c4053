"""The words events are made of: steps, verdicts, configurations, limits."""

from enum import StrEnum
from typing import NewType

import msgspec

TrialId = NewType("TrialId", str)
"""A trial's name within its study: four or more digits, `0007`."""

Scalar = bool | int | float | str
"""One hyperparameter's value."""

Config = dict[str, Scalar]
"""A configuration: hyperparameter name to value; always holds `lr` and `weight_decay`."""


class Step(StrEnum):
    """One of the six steps, in order."""

    INITIAL_LOSS = "initial_loss"
    OVERFIT_SMALL = "overfit_small"
    FIND_LR = "find_lr"
    COARSE_GRID = "coarse_grid"
    REFINE_GRID = "refine_grid"
    LEARNING_CURVES = "learning_curves"

    @property
    def number(self) -> int:
        """1 to 6, as people count them."""
        return list(Step).index(self) + 1

    @property
    def label(self) -> str:
        """The name on screens: `coarse grid`, `find LR`."""
        return "find LR" if self is Step.FIND_LR else self.value.replace("_", " ")


class Verdict(StrEnum):
    """The judgement of one step."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


class TrialLimits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a trial may go, and what is switched off in it."""

    iterations: int | None = None
    """Stop after this many iterations in all; None: no such limit."""
    epochs: int | None = None
    """Stop after this many epochs in all, those of a resumed trial included; None: no such limit."""
    batches: int | None = None
    """Train on the first so many minibatches only, over and over; None: all data."""
    update: bool = True
    """False: the loss is measured, no update is made."""
    regularize: bool = True
    """False: dropout, label smoothing and weight decay are switched off."""
    schedule: bool = True
    """False: the task's LR schedule is left out, so that every iteration runs at one LR."""
    validate: bool = True
    """Whether the validation set is evaluated after each epoch."""
    stop_at_fit: bool = False
    """Stop as soon as one pass over the minibatches shows 100 % training accuracy
    (regression: a loss of at most 1 % of the constant predictor's)."""


class LossFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the worker found out about a task's loss function and its targets.

    Every field may be missing: a rule that needs a missing one says `unknown`.
    """

    name: str
    """Class name or function name of the criterion, `CrossEntropyLoss`."""
    kind: str | None = None
    """Kind the formulas know: `cross_entropy`, `nll`, `bce`, `bce_with_logits`,
    `multi_margin`, `mse`, `l1`; None: not recognized."""
    reduction: str | None = None
    """`mean`, `sum` or `none`."""
    classes: int | None = None
    """C: number of classes, from the model's output; None for regression."""
    outputs: int | None = None
    """Size of the last dimension of the model's output."""
    class_weights: list[float] | None = None
    """Weight of each class, as given to the criterion; None: unweighted."""
    pos_weights: list[float] | None = None
    """`pos_weight` of BCE with logits; None: unweighted."""
    label_smoothing: float = 0.0
    """In force while measuring, 0 when switched off."""
    ignore_index: int | None = None
    """Target value left out of the loss."""
    margin: float = 1.0
    """Margin of a hinge loss."""
    power: int = 1
    """Exponent p of MultiMarginLoss."""
    priors: list[float] | None = None
    """Share of each class among the targets seen, length C, sums to 1.
    For binary losses: share of positives, length 1."""
    target_mean: float | None = None
    """Mean of the regression targets seen."""
    target_second_moment: float | None = None
    """Mean of the squared regression targets seen, E[y²]."""
    target_mean_abs: float | None = None
    """Mean of |y| of the regression targets seen."""
    batch_size: int | None = None
    """Samples in the minibatches measured."""
    expected: float | None = None
    """Declared by the script (`expected_initial_loss=`); goes before any formula."""
    constant_loss: float | None = None
    """Loss of the best constant predictor (the mean target) on the minibatches measured;
    None for classification."""
