"""The words events are made of: steps, verdicts, configurations, limits."""

from enum import StrEnum
from typing import Annotated, Final, NewType

import msgspec

TrialId = NewType("TrialId", str)
"""A trial's name within its study: four or more digits, `0007`."""

MOST_ITERATIONS: Final = 1 << 62
"""No count is as large; what is drawn and judged has 64 bits."""

Iteration = Annotated[int, msgspec.Meta(ge=-MOST_ITERATIONS, le=MOST_ITERATIONS)]
"""Updates made so far. A line that holds another number is malformed."""

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
    """Kind the formulas know, torch's name of the criterion in lower case:
    `cross_entropy`, `bce_with_logits`, `multi_margin`, `mse`; None: not recognized."""
    reduction: str | None = None
    """`mean`, `sum`, `batchmean` or `none`."""
    classes: int | None = None
    """C: number of classes, from the model's output; None for regression."""
    outputs: int | None = None
    """Size of the last dimension of the model's output."""
    class_weights: list[float] | None = None
    """Weight of each class, as given to the criterion; None: unweighted. For binary
    losses: of each output, length 1 if it is the same for all."""
    pos_weights: list[float] | None = None
    """`pos_weight` of BCE with logits, length 1 if it is the same for all outputs; None:
    unweighted."""
    label_smoothing: float = 0.0
    """In force while measuring, 0 when switched off."""
    ignore_index: int | None = None
    """Target value left out of the loss."""
    margin: float = 1.0
    """Margin of a hinge loss, of pairs or of triplets."""
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
    zero_output_loss: float | None = None
    """What the criterion gives for zeros in the place of the model's outputs, mean over
    the minibatches looked at; None: it can't be asked, or gives no finite number."""
    positions: int | None = None
    """Targets a sample: pixels of a segmentation, tokens of a sequence, outputs of a
    regression; None: one, or not the same for all, or not known."""
    counted: float | None = None
    """Terms that a sum over a minibatch adds up, targets left out not counted."""
    soft_targets: bool = False
    """Whether the targets of a cross-entropy are probabilities."""
    output_priors: list[float] | None = None
    """Share of positives of each output of a binary loss; None: one output, or only
    known for all together."""
    threshold: float | None = None
    """`beta` of SmoothL1Loss, `delta` of HuberLoss: where the square ends."""
    variance: float | None = None
    """Fixed variance of a Gaussian negative log-likelihood."""
    log_input: bool = True
    """Whether the outputs of a Poisson negative log-likelihood are logarithms."""
    constant_term: float = 0.0
    """What `full=True` of a negative log-likelihood adds on average, whatever the
    outputs."""
    target_entropy: float | None = None
    """Mean entropy of targets that are distributions, in nats."""
    positives_mean: float | None = None
    """Mean number of true labels a sample, for MultiLabelMarginLoss."""
    positives_second_moment: float | None = None
    """Mean of its square."""


class OutcomeKind(StrEnum):
    """How a training process itself saw its end."""

    COMPLETED = "completed"
    """Reached its limits."""
    FITTED = "fitted"
    """Reached 100 % training accuracy (or the regression equivalent) and stopped there."""
    NON_FINITE = "non_finite"
    """Stopped since the loss was NaN or infinite."""
    STOPPED = "stopped"
    """Asked to stop."""
    RAISED = "raised"
    """The script raised an exception."""
    REJECTED = "rejected"
    """The script can't be used as a task: import error, wrong type, empty data set."""


class OutOfMemory(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a request for a GPU's memory that was refused; None: not told."""

    device_name: str = ""
    asked_bytes: int | None = None
    free_bytes: int | None = None
    total_bytes: int | None = None
    used_bytes: int | None = None
    """Held by the process that asked."""
    batch_size: int | None = None
    """Samples in its minibatches."""
    takes_batch_size: bool = False
    """Whether `batch_size` in the configuration changes that."""
