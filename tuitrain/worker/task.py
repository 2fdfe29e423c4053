"""What a task function returns: a model, its data, its loss, how it is trained."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from torch.utils.data import DataLoader, Dataset

Data = Dataset[Any] | DataLoader[Any]
"""Samples (inputs, target), or a loader that gives minibatches of them."""

Loss = Callable[..., Tensor]
"""(outputs, targets) to one number; a module or a function."""

Metric = Callable[[Any, Any], Tensor | float]
"""(outputs, targets) of a minibatch to one number, averaged over samples."""


@dataclass(kw_only=True)
class Task:
    """One training, ready to begin; tuitrain moves it to the device and runs the loop.

    Attributes:
        model: Freshly initialized.
        train: Training data: a torch data set, or a loader that is ready made. A sample
            is `(inputs, target)`; with more than two parts, all but the last are
            arguments of the model.
        loss: Called with (outputs, targets); returns one number, the mean over the
            minibatch.
        val: Validation data, in the same form; None: there is none.
        batch_size: Samples a minibatch, for a data set; a loader knows its own.
        optimizer: Makes the optimizer from the trainable parameters; None: AdamW with
            the LR and weight decay of the trial.
        scheduler: Makes an LR schedule from the optimizer; None: a constant LR.
        scheduler_every: When the schedule goes on: after each `epoch` or `iteration`.
        metrics: Further measurements by name; `accuracy` is worked out for
            classification unless it is given here.
        amp: Mixed precision: `bf16`, or `fp16` with its loss scaling; None: full.
        clip_grad_norm: Largest global gradient norm; None: not clipped.
        accumulate: Minibatches an iteration, whose gradients are averaged.
        expected_initial_loss: The loss before any update, where no formula knows it.
        num_workers: Processes that load data, for a data set.
    """

    model: nn.Module
    train: Data
    loss: Loss
    val: Data | None = None
    batch_size: int | None = None
    optimizer: Callable[[list[nn.Parameter]], Optimizer] | None = None
    scheduler: Callable[[Optimizer], LRScheduler | ReduceLROnPlateau] | None = None
    scheduler_every: Literal["epoch", "iteration"] = "epoch"
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    amp: Literal["bf16", "fp16"] | None = None
    clip_grad_norm: float | None = None
    accumulate: int = 1
    expected_initial_loss: float | None = None
    num_workers: int = 0
