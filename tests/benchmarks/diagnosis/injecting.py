"""What every fault says of itself, and small tools for putting faults in."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor, nn

from tests.benchmarks.diagnosis.setup import Edit, Setup
from tests.benchmarks.diagnosis.tasks import Form, Goal


class Strength(StrEnum):
    """How much of a fault there is."""

    MILD = "mild"
    MEDIUM = "medium"
    STRONG = "strong"

    @property
    def level(self) -> int:
        """0, 1 or 2: where its value stands in a table."""
        return list(Strength).index(self)


@dataclass(frozen=True)
class Fault:
    """One kind of mistake."""

    name: str
    right: tuple[str, ...]
    """Kinds of finding that name it."""
    inject: Callable[[Setup, Strength], Setup]
    fits: Callable[[Setup], bool]
    """Whether it can be made in this setup at all."""


def anywhere(_: Setup) -> bool:
    """Fit every setup."""
    return True


def in_goals(*goals: Goal) -> Callable[[Setup], bool]:
    """Fit setups with one of these goals."""
    return lambda setup: setup.data.goal in goals


def in_families(*families: str) -> Callable[[Setup], bool]:
    """Fit setups whose model is of one of these families."""
    return lambda setup: setup.shape.family in families


def has_numbers(setup: Setup) -> bool:
    """Fit setups whose inputs are numbers, not symbols."""
    return setup.data.form is not Form.SYMBOLS


def edited(setup: Setup, *edits: Edit) -> Setup:
    """Return the setup with changes to its model, after those it has."""
    return replace(setup, edits=(*setup.edits, *edits))


def with_data(setup: Setup, **tensors: Tensor) -> Setup:
    """Return the setup with other data."""
    changed: dict[str, Any] = dict(tensors)
    return replace(setup, data=replace(setup.data, **changed))


def generator(setup: Setup) -> torch.Generator:
    """Return randomness for a fault, the setup's own."""
    return torch.Generator().manual_seed(setup.seed + 77)


def in_place(change: Callable[[nn.Module], None]) -> Edit:
    """Return an edit that changes weights and no structure."""

    def edit(model: nn.Module) -> nn.Module:
        with torch.no_grad():
            change(model)
        return model

    return edit


class Before(nn.Module):
    """Something done to what a layer is given; has no parameters of its own."""

    def __init__(
        self, layer: nn.Module, change: Callable[[Tensor, bool], Tensor]
    ) -> None:
        """Wrap `layer`; `change` is told whether the model is in training mode."""
        super().__init__()
        self.layer = layer
        self._change = change

    def forward(self, inputs: Tensor) -> Tensor:
        """Return what the layer makes of the changed inputs."""
        outputs: Tensor = self.layer(self._change(inputs, self.training))
        return outputs


class After(nn.Module):
    """Something done to what a layer gives; has no parameters of its own."""

    def __init__(self, layer: nn.Module, change: Callable[[Tensor], Tensor]) -> None:
        """Wrap `layer`."""
        super().__init__()
        self.layer = layer
        self._change = change

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the changed outputs."""
        return self._change(self.layer(inputs))


def after_model(change: Callable[[Tensor], Tensor]) -> Edit:
    """Return an edit that changes the model's outputs."""
    return lambda model: After(model, change)


def before_head(change: Callable[[Tensor, bool], Tensor]) -> Edit:
    """Return an edit that changes the features the head is given."""

    def edit(model: nn.Module) -> nn.Module:
        model.head = Before(model.head, change)  # type: ignore[arg-type]
        return model

    return edit


def before_model(change: Callable[[Tensor, bool], Tensor]) -> Edit:
    """Return an edit that changes the model's inputs."""
    return lambda model: Before(model, change)
