"""All that the rules look at in one trial, over its whole trajectory."""

from collections.abc import Mapping
from typing import Final

import msgspec
import numpy as np

from tuitrain.diagnosis.expected_loss import chance_loss
from tuitrain.diagnosis.numerics import Numbers, finite
from tuitrain.events import (
    Config,
    Inspection,
    LossFacts,
    OutOfMemory,
    Step,
    TaskDescribed,
    TrialId,
)
from tuitrain.model import (
    EMPTY_SERIES,
    Series,
    StudyModel,
    TrialModel,
    TrialState,
    lineage,
    sharing,
    whole_series,
)

RATIO_PREFIX: Final = "update_ratio/"
"""Series of update ratios are called this and the tensor's name."""


class Curves(msgspec.Struct, frozen=True, kw_only=True):
    """One trial's measurements and what is known of its task."""

    loss: Series = EMPTY_SERIES
    """Training loss, one value an iteration."""
    accuracy: Series = EMPTY_SERIES
    val_loss: Series = EMPTY_SERIES
    """One value an epoch."""
    val_accuracy: Series = EMPTY_SERIES
    val_balanced_accuracy: Series = EMPTY_SERIES
    """Mean over classes, where the script measures it under that name."""
    lr: Series = EMPTY_SERIES
    """LR in force, at least where it changed."""
    ratios: Mapping[str, Series] = msgspec.field(default_factory=dict)
    """Update ratio of each tensor, by its name, in the model's order."""
    grad_norm: Series = EMPTY_SERIES
    """Norm of all gradients, before clipping where tuitrain clips."""
    times: Series = EMPTY_SERIES
    """Time in seconds at which points were written, by iteration."""
    now_s: float | None = None
    """Newest time the study knows; None: the trial does not run."""
    inspection: Inspection | None = None
    """What looks inside the training process found; None: there was none."""
    config: Config = msgspec.field(default_factory=dict)
    facts: LossFacts | None = None
    train_samples: int | None = None
    val_samples: int | None = None
    epochs: int | None = None
    """Epochs planned; None: not limited by epochs."""
    iterations_per_epoch: int | None = None
    last_batch: float | None = None
    """Samples of the last minibatch of an epoch over those of the others; None: not
    known, or as many as in the others."""
    is_search: bool = False
    """Whether the step asks for a short training on purpose."""
    config_read: tuple[str, ...] = ()
    """Names the script asked the configuration for."""
    out_of_memory: OutOfMemory | None = None
    """What is known of the GPU memory that did not suffice; None: it did."""
    sharing: int = 1
    """Trials on its device when it ended, itself included."""

    @property
    def configured_lr(self) -> float | None:
        """LR of the configuration; None: not known."""
        lr = self.config.get("lr")
        return float(lr) if isinstance(lr, int | float) else None

    @property
    def chance(self) -> float | None:
        """Loss of knowing how often each target occurs, and no more; None: not known."""
        return chance_loss(self.facts) if self.facts is not None else None

    @property
    def chance_accuracy(self) -> float | None:
        """Accuracy of always naming the most frequent class; None: not known."""
        priors = self.facts.priors if self.facts is not None else None
        if not priors:
            return None
        return max(priors[0], 1 - priors[0]) if len(priors) == 1 else max(priors)

    @property
    def train_accuracy(self) -> float | None:
        """Mean training accuracy over the last tenth; None: not measured."""
        values = finite(self.accuracy.values)
        return float(np.mean(tail(values, 0.1))) if len(values) else None


def read_curves(model: StudyModel, trial: TrialId) -> Curves:
    """Return what the rules look at, for the trajectory that ends in `trial`."""
    chain = lineage(model, trial)
    if not chain:
        return Curves()
    newest = chain[-1]
    task = next((part.task for part in reversed(chain) if part.task), None)
    names = [name for name in newest.series if name.startswith(RATIO_PREFIX)]

    def whole(name: str) -> Series:
        # Every rule looks at it: it is brought into memory once.
        return whole_series(model, trial, name).whole()

    return Curves(
        loss=whole("loss"),
        accuracy=whole("accuracy"),
        val_loss=whole("val_loss"),
        val_accuracy=whole("val_accuracy"),
        val_balanced_accuracy=whole("val_balanced_accuracy"),
        lr=whole("lr"),
        ratios={name.removeprefix(RATIO_PREFIX): whole(name) for name in names},
        grad_norm=whole("grad_norm"),
        times=newest.times.whole(),
        now_s=model.last_at_s if newest.state is TrialState.RUNNING else None,
        inspection=_find_inspection(model, chain),
        config=newest.config,
        facts=task.loss if task is not None else None,
        train_samples=task.train_samples if task is not None else None,
        val_samples=task.val_samples if task is not None else None,
        epochs=newest.limits.epochs,
        iterations_per_epoch=task.iterations_per_epoch if task is not None else None,
        last_batch=_share_of_last_batch(task) if task is not None else None,
        is_search=newest.step in (Step.FIND_LR, Step.COARSE_GRID),
        config_read=tuple(task.config_read) if task is not None else (),
        out_of_memory=newest.finished.out_of_memory if newest.finished else None,
        sharing=max(1, len(sharing(model, newest))),
    )


def _share_of_last_batch(task: TaskDescribed) -> float | None:
    samples, size = task.train_samples, task.batch_size
    if not samples or not size or not samples % size:
        return None
    # Otherwise the last one is dropped, or an iteration takes several.
    is_whole = task.iterations_per_epoch == -(-samples // size)
    return samples % size / size if is_whole else None


def _find_inspection(
    model: StudyModel, chain: tuple[TrialModel, ...]
) -> Inspection | None:
    """Return what was found in this trial, and of the data in any trial of the study.

    Samples are compared in the first steps only: they are the same in all of them.
    """
    own = next((t.inspection for t in reversed(chain) if t.inspection), None)
    if own is None:
        return None
    others = [t.inspection for t in model.trials.values() if t.inspection is not None]
    signal = next((i.signal for i in (own, *others) if i.signal is not None), None)
    twins = next((i for i in (own, *others) if i.twins is not None), own)
    return msgspec.structs.replace(
        own,
        signal=signal,
        twins=twins.twins,
        twins_within=twins.twins_within,
        twins_expected=twins.twins_expected,
    )


def tail(values: Numbers, share: float, at_least: int = 1) -> Numbers:
    """Return the last `share` of the values, at least so many."""
    return values[-max(at_least, int(share * len(values))) :]


def accuracy_error(share: float, samples: int | None) -> float:
    """Return the standard error of an accuracy; 0 if the number of samples is unknown.

    Laplace's rule keeps a perfect score from looking exact.
    """
    if not samples:
        return 0.0
    smooth = (share * samples + 1) / (samples + 2)
    return float(np.sqrt(smooth * (1 - smooth) / samples))
