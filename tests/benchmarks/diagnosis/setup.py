"""One labelled training: as a job that can be sent and repeated, and ready to be built.

A `Job` is small and plain, so that a pool can take it and a record can keep it. A `Setup`
is what becomes of it: the data, the numbers, and what a fault changed in them.
"""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    CyclicLR,
    LambdaLR,
    LRScheduler,
    OneCycleLR,
    StepLR,
)

from tests.benchmarks.diagnosis.models import Shape
from tests.benchmarks.diagnosis.tasks import Data, Goal
from tuitrain.events import Config
from tuitrain.worker.task import Loss


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One training to be run; equal jobs give equal trainings."""

    task: str
    shape: str
    optimizer: str
    lr: float
    weight_decay: float = 0.0
    epochs: int
    batch_size: int
    schedule: str = "constant"
    traits: tuple[str, ...] = ()
    """What is out of the ordinary though healthy: `label_smoothing`, `tiny_batches`, …"""
    seed: int = 0
    fault: str | None = None
    strength: str | None = None
    changes: Config = {}
    """Advice that is followed: new values that go before all others."""

    @property
    def name(self) -> str:
        """Readable, and different for different jobs."""
        parts = [self.task, self.shape, self.optimizer, self.schedule, *self.traits]
        if self.fault is not None:
            parts += [self.fault, str(self.strength)]
        digest = hashlib.blake2b(msgspec.msgpack.encode(self), digest_size=5)
        return "-".join([*parts, f"s{self.seed}", digest.hexdigest()])

    @property
    def base(self) -> "Job":
        """The same without fault, advice and seed: what is compared with each other."""
        return msgspec.structs.replace(
            self, fault=None, strength=None, changes={}, seed=0
        )


Edit = Callable[[nn.Module], nn.Module]
"""Changes a model that was just built, or wraps it."""


@dataclass(frozen=True)
class Setup:
    """A job with its data and defaults in place; faults return a changed one."""

    data: Data
    shape: Shape
    optimizer: str
    lr: float
    weight_decay: float
    epochs: int
    batch_size: int
    schedule: str
    seed: int
    label_smoothing: float = 0.0
    is_weighted: bool = False
    """Whether rare classes count more in the loss."""
    accumulate: int = 1
    clip: float | None = None
    amp: bool = False
    is_fine_tuning: bool = False
    """Whether the first layers were trained before and are held."""
    has_own_loop: bool = False
    truth: tuple[Tensor, Tensor] | None = None
    """Validation data as they should be, where a fault spoils them; None: they are."""
    unseen: tuple[Tensor, Tensor] | None = None
    """Clean samples that neither the training nor the judge sees; None: there are none."""
    make_loss: Callable[["Setup"], Loss] | None = None
    """The wrong loss; None: the one that belongs to the goal."""
    edits: tuple[Edit, ...] = ()
    is_optimized: Callable[[str, nn.Parameter], bool] | None = None
    """Which parameters the optimizer is given; None: all that need gradients."""
    zero_grad_every: float = 1
    """Iterations from one `zero_grad` to the next, `inf` for never; own loop only."""
    train_mode_until: float = math.inf
    """Epoch from which the model stays in evaluation mode; own loop only."""
    validates_in_train_mode: bool = False
    val_batch_size: int | None = None
    extra: dict[str, float] = field(default_factory=dict)
    """Entries of the configuration besides LR, weight decay and dropout."""

    @property
    def config(self) -> Config:
        """What the script is configured with."""
        config: Config = {
            "lr": self.lr,
            "weight_decay": self.weight_decay,
            "batch_size": self.batch_size,
            **self.extra,
        }
        return (
            {**config, "dropout": self.shape.dropout} if self.shape.dropout else config
        )

    @property
    def iterations(self) -> int:
        """Updates of the whole training."""
        batches = -(-len(self.data.x) // self.batch_size)
        return self.epochs * -(-batches // self.accumulate)


def make_loss(setup: Setup) -> Loss:
    """Return the loss the setup trains with."""
    if setup.make_loss is not None:
        return setup.make_loss(setup)
    return right_loss(setup)


def right_loss(setup: Setup, **changes: Any) -> nn.Module:
    """Return the loss that belongs to the goal, with arguments changed."""
    goal, data = setup.data.goal, setup.data
    if goal is Goal.REGRESSION:
        return nn.MSELoss(**changes)
    if goal is Goal.BINARY:
        if setup.is_weighted:
            positive = data.y.mean(0).clamp(0.02, 0.98)
            changes.setdefault("pos_weight", ((1 - positive) / positive).clamp(max=9))
        return nn.BCEWithLogitsLoss(**changes)
    if setup.label_smoothing:
        changes.setdefault("label_smoothing", setup.label_smoothing)
    if setup.is_weighted:
        counts = torch.bincount(data.y.reshape(-1), minlength=data.outputs).float()
        changes.setdefault("weight", counts.mean() / counts.clamp(min=1))
    return nn.CrossEntropyLoss(**changes)


def make_optimizer(
    setup: Setup, parameters: list[nn.Parameter], lr: float, weight_decay: float
) -> Optimizer:
    """Return the optimizer of a setup over `parameters`."""
    match setup.optimizer:
        case "sgd":
            return torch.optim.SGD(
                parameters, lr=lr, momentum=0.9, weight_decay=weight_decay
            )
        case "adam":
            return torch.optim.Adam(parameters, lr=lr, weight_decay=weight_decay)
        case "rmsprop":
            return torch.optim.RMSprop(parameters, lr=lr, weight_decay=weight_decay)
        case _:
            return torch.optim.AdamW(parameters, lr=lr, weight_decay=weight_decay)


def make_scheduler(setup: Setup, optimizer: Optimizer) -> LRScheduler | None:
    """Return the schedule, stepped once an iteration; None: the LR is constant.

    None goes above the LR that was asked for.
    """
    total, lr = max(setup.iterations, 2), setup.lr
    kind, _, detail = setup.schedule.partition(":")
    match kind:
        case "cosine":
            return CosineAnnealingLR(optimizer, total)
        case "late_step":
            return StepLR(optimizer, max(1, int(0.7 * total)), 0.1)
        case "warmup_cosine":
            return LambdaLR(optimizer, lambda step: _warm_cosine(step, total))
        case "one_cycle":
            momentum = setup.optimizer == "sgd"
            return OneCycleLR(
                optimizer, lr, total_steps=total + 1, cycle_momentum=momentum
            )
        case "cyclic":
            up = max(2, total // 8)
            return CyclicLR(
                optimizer, 0.2 * lr, lr, step_size_up=up, cycle_momentum=False
            )
        case "early_drop":
            drop = max(2, int(float(detail) * total))
            return LambdaLR(optimizer, lambda step: 1.0 if step < drop else 1e-3)
        case _:
            return None


def _warm_cosine(step: int, total: int) -> float:
    warm = max(1, total // 12)
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (
        1 + math.cos(math.pi * min(1.0, (step - warm) / max(1, total - warm)))
    )
