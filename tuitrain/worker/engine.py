"""One forward pass and one update of a task, with nothing read back from the device."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer

from tuitrain.worker.accuracy import Counted, count_correct
from tuitrain.worker.data import Batch
from tuitrain.worker.failures import RejectedError
from tuitrain.worker.loss_facts import Criterion, recognize
from tuitrain.worker.readings import Number
from tuitrain.worker.task import Task

_AMP_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Measured:
    """What one minibatch showed; tensors stay on the device."""

    loss: Tensor
    """One number, part of no graph."""
    outputs: object
    counted: Counted | None
    """For accuracy; None: no classification, or the task measures its own."""
    metrics: Mapping[str, Number]
    samples: int
    grad_norm: Tensor | None = None
    """Before clipping; None: not clipped, so the probe measures it."""

    def values(self) -> dict[str, Number]:
        """Return the series of this minibatch."""
        values: dict[str, Number] = {"loss": self.loss}
        if self.counted is not None:
            values["accuracy"] = self.counted.share
        if self.grad_norm is not None:
            values["grad_norm"] = self.grad_norm
        return {**values, **self.metrics}


class Engine:
    """A model with its loss and optimizer on one device."""

    def __init__(
        self, task: Task, optimizer: Optimizer | None, device: torch.device
    ) -> None:
        """Use `task.model`, already on `device`.

        Args:
            task: What is trained.
            optimizer: None: nothing is updated.
            device: Where minibatches are.
        """
        self.criterion: Criterion = recognize(task.loss)
        self.scaler = torch.amp.GradScaler(device.type) if task.amp == "fp16" else None
        self._task = task
        self._optimizer = optimizer
        self._device = device
        self._parameters = [
            each for each in task.model.parameters() if each.requires_grad
        ]

    def measure(self, batch: Batch) -> Measured:
        """Compute loss and metrics of one minibatch without gradients."""
        with torch.no_grad():
            loss, outputs = self._forward(batch)
        return self._measured(batch, loss, outputs)

    def update(self, batches: Sequence[Batch]) -> Measured:
        """Make one update from the average gradient of `batches`."""
        assert self._optimizer is not None
        parts = [self._backward(batch, len(batches)) for batch in batches]
        norm = self._clip()
        if self.scaler is None:
            self._optimizer.step()
        else:
            self.scaler.step(self._optimizer)
            self.scaler.update()
        self._optimizer.zero_grad(set_to_none=True)
        return _merge(parts, norm)

    def _backward(self, batch: Batch, parts: int) -> Measured:
        loss, outputs = self._forward(batch)
        share = loss if parts == 1 else loss / parts
        if self.scaler is not None:
            share = self.scaler.scale(share)
        share.backward()  # type: ignore[no-untyped-call]
        return self._measured(batch, loss, outputs)

    def _clip(self) -> Tensor | None:
        largest = self._task.clip_grad_norm
        if largest is None:
            return None
        if self.scaler is not None:
            assert self._optimizer is not None
            self.scaler.unscale_(self._optimizer)
        return clip_grad_norm_(self._parameters, largest)

    def _forward(self, batch: Batch) -> tuple[Tensor, object]:
        with self._precision():
            outputs = self._task.model(*batch.inputs, **batch.named_inputs)
            loss: object = self._task.loss(outputs, batch.targets)
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            found = (
                f"a tensor of shape {tuple(loss.shape)}"
                if isinstance(loss, Tensor)
                else f"a {type(loss).__name__}"
            )
            raise RejectedError(
                f"loss(outputs, targets) gave {found}, not one number; "
                "average it over the minibatch, as reduction='mean' does"
            )
        return loss, outputs

    def _precision(self) -> AbstractContextManager[object]:
        if self._task.amp is None:
            return nullcontext()
        return torch.autocast(self._device.type, dtype=_AMP_TYPES[self._task.amp])

    def _measured(self, batch: Batch, loss: Tensor, outputs: object) -> Measured:
        detached = outputs.detach() if isinstance(outputs, Tensor) else outputs
        with torch.no_grad():
            counted = None
            if "accuracy" not in self._task.metrics:
                counted = count_correct(
                    detached,
                    batch.targets,
                    kind=self.criterion.kind,
                    ignore_index=self.criterion.ignore_index,
                )
            metrics = {
                name: metric(detached, batch.targets)
                for name, metric in self._task.metrics.items()
            }
        return Measured(
            loss.detach().reshape(()), detached, counted, metrics, batch.samples
        )


def _merge(parts: Sequence[Measured], norm: Tensor | None) -> Measured:
    """Return several minibatches of one update as one."""
    if len(parts) == 1 and norm is None:
        return parts[0]
    counted = [part.counted for part in parts if part.counted is not None]
    return Measured(
        torch.stack([part.loss for part in parts]).mean(),
        parts[0].outputs,
        add_counts(counted),
        average([(part.metrics, part.samples) for part in parts]),
        sum(part.samples for part in parts),
        norm,
    )


def add_counts(counted: Sequence[Counted]) -> Counted | None:
    """Return the sum of several counts; None: there are none."""
    if not counted:
        return None
    correct, total = counted[0]
    for each in counted[1:]:
        correct, total = correct + each.correct, total + each.total
    return Counted(correct, total)


def average(parts: Sequence[tuple[Mapping[str, Number], int]]) -> dict[str, Number]:
    """Return the mean of each metric over minibatches, weighted by their samples."""
    samples = sum(count for _, count in parts)
    sums: dict[str, Number] = {}
    for values, count in parts:
        for name, value in values.items():
            sums[name] = sums.get(name, 0.0) + value * (count / max(samples, 1))
    return sums


def evaluate(
    engine: Engine, model: nn.Module, batches: Iterable[Batch]
) -> dict[str, Number]:
    """Measure `model` on validation data, in evaluation mode.

    Returns:
        `val_loss`, `val_accuracy` where there is one, and `val_<metric>`: means over all
        samples. Empty: there was no minibatch.
    """
    was_training = model.training
    model.eval()
    try:
        parts = [_without_outputs(engine.measure(batch)) for batch in batches]
    finally:
        model.train(was_training)
    values = average(
        [({"loss": part.loss, **part.metrics}, part.samples) for part in parts]
    )
    counted = add_counts([part.counted for part in parts if part.counted is not None])
    if counted is not None:
        values["accuracy"] = counted.share
    return {f"val_{name}": value for name, value in values.items()}


def _without_outputs(measured: Measured) -> Measured:
    """Let go of the outputs: those of a whole validation set need not fit in memory."""
    return replace(measured, outputs=None)
