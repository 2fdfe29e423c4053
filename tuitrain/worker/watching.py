"""What a script's own loop lets tuitrain see: its models, optimizers and loss."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from tuitrain.events import LossFacts, TaskDescribed
from tuitrain.worker.checkpoint import Progress, Stateful, load_checkpoint
from tuitrain.worker.describe import count_parameters, name_device
from tuitrain.worker.hooks import Hook
from tuitrain.worker.inspection import Inspector
from tuitrain.worker.loss_facts import describe_loss, recognize
from tuitrain.worker.probes import HeldWeights, StepProbes
from tuitrain.worker.regularization import switch_off
from tuitrain.worker.session import Session

MAX_SEEN: Final = 64
"""Minibatches whose targets are kept until the loss is described."""
ENOUGH_SAMPLES: Final = 256
"""Samples whose targets tell priors and spread of all of them well enough: to 3 points of
a share, 5 % of a deviation. A single small minibatch is off by several times that."""
MAX_UNASKED: Final = 16
"""Minibatches that are waited for to get so many: what is found in the first iterations
is judged by the description."""


class LossWatch:
    """Sees outputs and targets of the first minibatches go into the loss."""

    def __init__(
        self,
        loss: object,
        model: nn.Module,
        *,
        minibatches: int | None,
        expected: float | None = None,
        may_ask: bool = False,
    ) -> None:
        """Hook into the loss if it is a module, else into the model.

        Args:
            loss: The criterion; None: the script named none.
            model: Gives the outputs where the loss can't be hooked into.
            minibatches: How many are to be seen; None: as many as hold
                `ENOUGH_SAMPLES`.
            expected: Initial loss declared by the script.
            may_ask: As of `describe_loss`.
        """
        self.loss = loss
        self._expected = expected
        self._may_ask = may_ask
        self._wanted = (
            MAX_UNASKED if minibatches is None else min(minibatches, MAX_SEEN)
        )
        self._enough = ENOUGH_SAMPLES if minibatches is None else None
        self._outputs: Tensor | None = None
        self._targets: list[Tensor] = []
        self._hooks_loss = isinstance(loss, nn.Module)
        module = loss if isinstance(loss, nn.Module) else model
        self._handle: RemovableHandle | None = module.register_forward_hook(
            Hook(self._see_loss if self._hooks_loss else self._see_model),
            with_kwargs=True,
        )

    @property
    def is_complete(self) -> bool:
        """Whether all minibatches that were wanted have been seen."""
        if self._enough is not None and sum(map(_rows, self._targets)) >= self._enough:
            return True
        return len(self._targets) >= self._wanted

    def see_batch(self, batch: object) -> None:
        """Note a minibatch's targets, its last part, where the loss can't be asked."""
        if self._hooks_loss or self.is_complete:
            return
        if isinstance(batch, Sequence) and batch and isinstance(batch[-1], Tensor):
            self._targets.append(batch[-1].detach().clone())

    def describe(self) -> LossFacts:
        """Return the facts of what was seen, and stop looking."""
        self.remove()
        if self.loss is None:
            return LossFacts(name="unknown", expected=self._expected)
        sizes = [each.shape[0] for each in self._targets if each.ndim]
        return describe_loss(
            self.loss,
            outputs=self._outputs,
            targets=self._targets,
            batch_size=sizes[0] if sizes else None,
            expected=self._expected,
            may_ask=self._may_ask,
        )

    def remove(self) -> None:
        """Take the hook away; calling it again does nothing."""
        if self._handle is not None:
            self._handle.remove()
            self._handle = None

    def _see_loss(
        self, _: nn.Module, given: tuple[Any, ...], named: dict[str, Any], __: object
    ) -> None:
        outputs, targets = [*given, *named.values(), None, None][:2]
        if not isinstance(outputs, Tensor) or not isinstance(targets, Tensor):
            return
        # Without gradients it is a validation, whose targets are other ones.
        if torch.is_grad_enabled() and not self.is_complete:
            self._outputs = outputs.detach()
            self._targets.append(targets.detach().clone())

    def _see_model(
        self, _: nn.Module, __: tuple[Any, ...], ___: dict[str, Any], outputs: object
    ) -> None:
        if isinstance(outputs, Tensor) and torch.is_grad_enabled():
            self._outputs = outputs.detach()


class Watched:
    """One model with its optimizers, loss and schedule."""

    def __init__(
        self,
        session: Session,
        model: nn.Module,
        optimizers: Sequence[Optimizer],
        loss: object,
        scheduler: Stateful | None,
        *,
        expected: float | None = None,
        suffix: str = "",
    ) -> None:
        """Attach the probes, or what a step that must not learn needs instead."""
        limits = session.spec.limits
        self.model = model
        self._optimizers = optimizers
        self._scheduler = scheduler
        self._suffix = suffix
        self.switched_off = [] if limits.regularize else switch_off(model, loss)
        self.loss = LossWatch(
            loss,
            model,
            minibatches=limits.batches if session.is_supervised else None,
            expected=expected,
            may_ask=not limits.update,
        )
        self._hooks: list[StepProbes | HeldWeights] = [
            _make_probes(
                session, model, optimizer, f"{suffix}/{index}" if index else suffix
            )
            if limits.update
            else HeldWeights(optimizer)
            for index, optimizer in enumerate(optimizers)
        ]
        self._inspector: Inspector | None = None
        # A second model's looks would take the place of the first one's.
        if session.spec.inspect and session.spec.resume_from is None and not suffix:
            self._inspector = Inspector(
                model,
                optimizers,
                trial=session.spec.trial,
                put=session.recorder.put,
                loss=loss if recognize(loss).kind is not None else None,
                compares_samples=session.spec.inspect_data,
                updates=limits.update,
            )

    @property
    def parts(self) -> dict[str, Stateful]:
        """What a checkpoint keeps."""
        named: dict[str, Stateful] = {f"model{self._suffix}": self.model}
        for index, optimizer in enumerate(self._optimizers):
            named[f"optimizer{self._suffix}" + (f"/{index}" if index else "")] = (
                optimizer
            )
        if self._scheduler is not None:
            named[f"scheduler{self._suffix}"] = self._scheduler
        return named

    @property
    def layers(self) -> list[str]:
        """Names of the tensors whose update ratio is measured."""
        return [
            name
            for hooks in self._hooks
            if isinstance(hooks, StepProbes)
            for name in hooks.layers
        ]

    def resume(self, path: Path) -> Progress:
        """Give model, optimizers and schedule the state they had.

        Raises:
            CheckpointError: It can't be read, or does not fit.
        """
        return load_checkpoint(path, self.parts)

    def begin_epoch(self) -> None:
        """Let the LR be noted again."""
        for hooks in self._hooks:
            hooks.begin_epoch()

    def remove(self) -> None:
        """Tell what the looks inside found at the end, and take all hooks away."""
        if self._inspector is not None:
            self._inspector.finish()
        self.loss.remove()
        for hooks in self._hooks:
            hooks.remove()


def describe_own_loop(
    session: Session,
    watched: Sequence[Watched],
    *,
    loader: object,
    metrics: Iterable[str],
    asked: list[str],
) -> TaskDescribed:
    """Return the description of a script's own loop as far as it showed itself.

    Args:
        session: Where it runs.
        watched: In the order of the calls; empty: nothing is known of model and loss.
        loader: What `Run.batches` was given; None: nothing yet.
        metrics: Names logged so far.
        asked: Names read from the configuration.
    """
    device = _find_device(watched)
    dataset = getattr(loader, "dataset", None)
    return TaskDescribed(
        trial=session.spec.trial,
        loss=watched[0].loss.describe() if watched else LossFacts(name="unknown"),
        parameters=sum(count_parameters(each.model) for each in watched),
        layers=[name for each in watched for name in each.layers],
        train_samples=_length(dataset),
        batch_size=getattr(loader, "batch_size", None),
        iterations_per_epoch=_length(loader),
        metrics=list(metrics),
        regularization_off=[name for each in watched for name in each.switched_off],
        config=dict(session.spec.config),
        config_read=asked,
        device=device.type,
        device_name=name_device(device),
        torch=str(torch.__version__),
    )


def _rows(targets: Tensor) -> int:
    return targets.shape[0] if targets.ndim else 1


def _make_probes(
    session: Session, model: nn.Module, optimizer: Optimizer, suffix: str
) -> StepProbes:
    return StepProbes(
        optimizer,
        model.named_parameters(),
        trial=session.spec.trial,
        put=session.recorder.put,
        iteration=lambda: session.iteration,
        schedule=session.schedule,
        suffix=suffix,
    )


def _find_device(watched: Sequence[Watched]) -> torch.device:
    for each in watched:
        for parameter in each.model.parameters():
            return parameter.device
    return torch.device("cpu")


def _length(sized: object) -> int | None:
    try:
        return len(sized)  # type: ignore[arg-type]
    except TypeError:
        return None
