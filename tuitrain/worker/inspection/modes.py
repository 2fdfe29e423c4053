"""Layers that behave differently in training, found in the wrong mode."""

from typing import Final

import torch
from torch import nn

MOST_PASSES: Final = 20
MOST_NAMES: Final = 10


def two_faced(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Return the layers that are another function in training than in evaluation.

    A normalization that is frozen, its own parameters included, is meant to stay in
    evaluation mode, and dropout of 0 has only one face.
    """
    found: list[tuple[str, nn.Module]] = []
    for name, module in model.named_modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):  # noqa: SLF001 - no public base
            if module.p > 0:
                found.append((name or "model", module))
        elif isinstance(module, nn.modules.batchnorm._BatchNorm):  # noqa: SLF001
            own = list(module.parameters())
            if module.track_running_stats and (
                not own or any(each.requires_grad for each in own)
            ):
                found.append((name or "model", module))
    return found


def largest_dropout(model: nn.Module) -> float:
    """Return the highest probability of a dropout layer; 0: there is none."""
    rates = [
        float(module.p)
        for module in model.modules()
        if isinstance(module, nn.modules.dropout._DropoutNd)  # noqa: SLF001
    ]
    return max(rates, default=0.0)


class ModeLook:
    """Notes the modes of such layers in passes with and without gradients."""

    def __init__(self, model: nn.Module) -> None:
        """Nothing noted so far."""
        self._layers = two_faced(model)
        self._trained = 0
        self._off: dict[str, int] = {}
        self._measured = 0
        self._on: dict[str, int] = {}

    def see(self) -> None:
        """Note the modes: a forward pass is under way."""
        if not self._layers:
            return
        if torch.is_grad_enabled():
            if self._trained < MOST_PASSES:
                self._trained += 1
                self._count(self._off, is_training=False)
        elif self._measured < MOST_PASSES:
            self._measured += 1
            self._count(self._on, is_training=True)

    def _count(self, into: dict[str, int], *, is_training: bool) -> None:
        for name, layer in self._layers:
            if layer.training is is_training:
                into[name] = into.get(name, 0) + 1

    @property
    def layers(self) -> int:
        """How many such layers there are."""
        return len(self._layers)

    @property
    def off_in_training(self) -> list[str]:
        """Layers in evaluation mode in every pass with gradients."""
        return _always(self._off, self._trained)

    @property
    def on_in_validation(self) -> list[str]:
        """Layers in training mode in every pass without gradients."""
        return _always(self._on, self._measured)


def _always(counts: dict[str, int], passes: int) -> list[str]:
    named = [name for name, count in counts.items() if passes and count == passes]
    return named[:MOST_NAMES]
