"""Traits with a number: how many samples, wrong labels, units, and how much dropout.

A job has them as `samples:80`. None is a fault by itself: what becomes of the run says
whether it was too few or too much.
"""

from collections.abc import Callable
from dataclasses import replace

import torch

from tests.benchmarks.diagnosis.injecting import generator, with_data
from tests.benchmarks.diagnosis.setup import Setup
from tests.benchmarks.diagnosis.tasks import Goal


def _samples(setup: Setup, count: float) -> Setup:
    """Train on `count` samples; the other ones show what was truly learned."""
    data = setup.data
    rows = torch.randperm(len(data.x), generator=generator(setup))
    taken, others = rows[: int(count)], rows[int(count) :]
    return replace(
        with_data(setup, x=data.x[taken], y=data.y[taken]),
        unseen=(data.x[others], data.y[others]) if len(others) else None,
    )


def _wrong_labels(setup: Setup, share: float) -> Setup:
    """Give this share of the training samples another answer, or noise twice as large."""
    return with_data(setup, y=wrong_targets(setup, share, generator(setup)))


def wrong_targets(setup: Setup, share: float, chance: torch.Generator) -> torch.Tensor:
    """Return the training targets with this share of them drawn anew."""
    data, y = setup.data, setup.data.y
    if data.goal is Goal.REGRESSION:
        return y + 2 * share * torch.randn(y.shape, generator=chance)
    is_wrong = torch.rand(y.shape, generator=chance) < share
    other = torch.randint(0, max(2, data.outputs), y.shape, generator=chance)
    return torch.where(is_wrong, (1 - y) if data.goal is Goal.BINARY else other, y)


def _width(setup: Setup, width: float) -> Setup:
    return replace(setup, shape=replace(setup.shape, width=int(width)))


def _dropout(setup: Setup, rate: float) -> Setup:
    return replace(setup, shape=replace(setup.shape, dropout=rate))


def _val_samples(setup: Setup, count: float) -> Setup:
    """Validate on fewer samples, as one does who has few."""
    data = setup.data
    kept = slice(0, int(count))
    return with_data(setup, val_x=data.val_x[kept], val_y=data.val_y[kept])


AMOUNTS: dict[str, Callable[[Setup, float], Setup]] = {
    "samples": _samples,
    "val_samples": _val_samples,
    "wrong_labels": _wrong_labels,
    "width": _width,
    "dropout": _dropout,
}
"""What can be said with a number, by the name a job has for it."""
