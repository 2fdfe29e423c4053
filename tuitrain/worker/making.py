"""What a task's function left to be made: optimizer, schedule, sizes."""

from collections.abc import Callable

import torch
from torch import nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from tuitrain.worker.checks import check_optimizer, name_kind
from tuitrain.worker.data import Minibatches
from tuitrain.worker.failures import RejectedError
from tuitrain.worker.task import Task
from tuitrain.worker.trial import Trial

Schedule = LRScheduler | ReduceLROnPlateau
"""An LR schedule of torch."""


def choose_batch_size(task: Task, trial: Trial) -> int | None:
    """Return the configuration's size, unless the script has read it for itself.

    None: neither names one.
    """
    asked = trial.config.get("batch_size")
    is_read = "batch_size" in trial.asked
    if is_read or isinstance(asked, bool | str) or not asked:
        return task.batch_size
    return max(1, int(asked))


def materialize(model: nn.Module, train: Minibatches) -> None:
    """Let lazy layers find their sizes before the optimizer asks for them."""
    is_lazy = torch.nn.parameter.is_lazy
    if any(is_lazy(each) for each in model.parameters()):
        with torch.no_grad():
            for batch in train.first(1):
                model(*batch.inputs, **batch.named_inputs)


def make_optimizer(task: Task, trial: Trial) -> Optimizer:
    """Return the task's optimizer, AdamW where it names none.

    Raises:
        RejectedError: It returned something else.
    """
    parameters = [each for each in task.model.parameters() if each.requires_grad]
    if task.optimizer is None:
        return AdamW(parameters, lr=trial.lr, weight_decay=trial.weight_decay)
    return check_optimizer(task.optimizer(parameters))


def make_scheduler(
    make: Callable[[Optimizer], object], optimizer: Optimizer
) -> Schedule:
    """Return the task's LR schedule.

    Raises:
        RejectedError: It returned something else.
    """
    made = make(optimizer)
    if not isinstance(made, Schedule):
        raise RejectedError(
            f"scheduler= returned {name_kind(made)}; it must "
            "return a schedule of torch.optim.lr_scheduler"
        )
    return made
