"""From a job to what is trained: numbers, traits, fault and advice, in this order."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from tests.benchmarks.diagnosis.amounts import AMOUNTS
from tests.benchmarks.diagnosis.faults import FAULTS, Strength
from tests.benchmarks.diagnosis.models import build, shape_for
from tests.benchmarks.diagnosis.setup import Job, Setup, right_loss
from tests.benchmarks.diagnosis.tasks import load

TRAITS: dict[str, Callable[[Setup], Setup]] = {
    "label_smoothing": lambda setup: replace(setup, label_smoothing=0.1),
    "class_weights": lambda setup: replace(setup, is_weighted=True),
    "tiny_batches": lambda setup: setup,  # the job's own batch size says it
    "accumulation": lambda setup: replace(setup, accumulate=2),
    "clipping": lambda setup: replace(setup, clip=1.0),
    "bf16": lambda setup: replace(setup, amp=True),
    "fine_tuning": lambda setup: replace(setup, is_fine_tuning=True),
    "own_loop": lambda setup: replace(setup, has_own_loop=True),
    "more_decay": lambda setup: setup,  # the job's own weight decay says it
}
"""What is out of the ordinary in a healthy run, by the name a job has for it; what has a
number is in `AMOUNTS`."""


def resolve(job: Job) -> Setup:
    """Return all that a job stands for."""
    data = load(job.task)
    setup = Setup(
        data=data,
        shape=shape_for(job.shape, data),
        optimizer=job.optimizer,
        lr=job.lr,
        weight_decay=job.weight_decay,
        epochs=job.epochs,
        batch_size=job.batch_size,
        schedule=job.schedule,
        seed=job.seed,
    )
    for trait in job.traits:
        name, _, amount = trait.partition(":")
        setup = AMOUNTS[name](setup, float(amount)) if amount else TRAITS[name](setup)
    if job.fault is not None:
        setup = FAULTS[job.fault].inject(setup, Strength(str(job.strength)))
    return follow_advice(setup, job.changes)


def follow_advice(setup: Setup, changes: dict[str, Any]) -> Setup:
    """Return the setup with the new values that a finding advised."""
    known = {
        name: type(getattr(setup, name))(value)
        for name, value in changes.items()
        if name in ("lr", "weight_decay", "epochs", "batch_size")
    }
    setup = replace(setup, **known)
    if "dropout" in changes:
        shape = replace(setup.shape, dropout=float(changes["dropout"]))
        setup = replace(setup, shape=shape)
    return setup


def build_model(setup: Setup, *, is_twin: bool = False) -> nn.Module:
    """Return the model that a setup trains.

    Args:
        setup: What is trained.
        is_twin: Its weights will be replaced, so that none need be learned before.
    """
    model: nn.Module = build(setup.shape, setup.data)
    if setup.is_fine_tuning and not is_twin:
        _prepare_fine_tuning(model, setup)
    for edit in setup.edits:
        model = edit(model)
    return model


def _prepare_fine_tuning(model: nn.Module, setup: Setup) -> None:
    """Train on half of the data, then hold the first half of the body, with a new head."""
    loss_fn = right_loss(setup)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    half = len(setup.data.x) // 2
    for _ in range(6):
        for rows in torch.randperm(half).split(32):
            optimizer.zero_grad()
            loss_fn(model(setup.data.x[rows]), setup.data.y[rows]).backward()
            optimizer.step()
    optimizer.zero_grad()
    model.head.reset_parameters()  # type: ignore[operator, union-attr]
    body = list(model.body.parameters())  # type: ignore[union-attr]
    for parameter in body[: max(2, len(body) // 2) // 2 * 2]:
        parameter.requires_grad = False
