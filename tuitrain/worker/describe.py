"""What a task turned out to be, as one event."""

from collections.abc import Sequence
from typing import Final

import torch
from torch import nn

from tuitrain.events import LossFacts, TaskDescribed
from tuitrain.worker.data import Batch, Minibatches
from tuitrain.worker.engine import Measured
from tuitrain.worker.loss_facts import describe_loss
from tuitrain.worker.session import Session
from tuitrain.worker.task import Task
from tuitrain.worker.trial import Trial

MAX_WHOLE: Final = 10_000_000
"""Target values of a data set that are looked at as a whole; of more only a minibatch."""


def describe_task(
    task: Task,
    trial: Trial,
    session: Session,
    data: tuple[Minibatches, Minibatches | None],
    *,
    facts: LossFacts,
    measured: Measured | None,
    layers: list[str],
    switched_off: list[str],
) -> TaskDescribed:
    """Return the description of a trial.

    Args:
        task: What is trained.
        trial: What it was made for.
        session: Where it runs.
        data: Training and validation minibatches.
        facts: Of the loss.
        measured: The first minibatch; None: there was none, the trial was complete.
        layers: Names of the tensors whose update ratio is measured.
        switched_off: Regularization that was.
    """
    train, val = data
    return TaskDescribed(
        trial=session.spec.trial,
        loss=facts,
        parameters=count_parameters(task.model),
        layers=layers,
        train_samples=train.samples,
        val_samples=None if val is None else val.samples,
        batch_size=train.batch_size,
        iterations_per_epoch=(
            None if train.batches is None else -(-train.batches // task.accumulate)
        ),
        metrics=[
            name
            for name in (measured.values() if measured else ())
            if name != "grad_norm"
        ],
        regularization_off=switched_off,
        config=dict(session.spec.config),
        config_read=trial.asked,
        device=trial.device.type,
        device_name=name_device(trial.device),
        torch=str(torch.__version__),
    )


def describe_batches(
    task: Task,
    train: Minibatches,
    *,
    measured: Measured | None,
    batches: Sequence[Batch],
    is_sample: bool,
    may_ask: bool = False,
) -> LossFacts:
    """Return the facts of a task's loss.

    Args:
        task: What is trained.
        train: Its training data.
        measured: One minibatch's outputs; None: none were computed.
        batches: Minibatches whose targets are looked at.
        is_sample: Those are all the trial is about; False: if the data set is made of
            tensors, all its targets are looked at.
        may_ask: As of `describe_loss`.
    """
    targets: list[object] = [batch.targets for batch in batches]
    whole = train.tensors
    if not is_sample and whole is not None and whole[-1].numel() <= MAX_WHOLE:
        targets = [whole[-1]]
    return describe_loss(
        task.loss,
        outputs=None if measured is None else measured.outputs,
        targets=targets,
        batch_size=batches[0].samples if batches else train.batch_size,
        expected=task.expected_initial_loss,
        may_ask=may_ask,
    )


def count_parameters(model: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(each.numel() for each in model.parameters() if each.requires_grad)


def name_device(device: torch.device) -> str:
    """Return the name of a GPU, as its driver says it; empty for the CPU."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else ""
