"""Layers that behave differently in training, found in the wrong mode."""

from typing import Final

import torch
from torch import nn

MOST_PASSES: Final = 20
MOST_NAMES: Final = 10
_NORMALIZATIONS: Final = (
    nn.modules.batchnorm._NormBase,  # noqa: SLF001 - no public base
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
)


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


def count_normalizations(model: nn.Module) -> int:
    """Return how many layers normalize what goes through them."""
    return sum(isinstance(module, _NORMALIZATIONS) for module in model.modules())


class ModeLook:
    """Notes the modes of such layers in passes with and without gradients.

    It goes on as long as the training does: a mode may go wrong after a validation.
    """

    def __init__(self, model: nn.Module) -> None:
        """Nothing noted so far."""
        self._layers = two_faced(model)
        self._trained = _Window(self._layers, wrong=False)
        self._measured = _Window(self._layers, wrong=True)

    def see(self) -> None:
        """Note the modes: a forward pass is under way."""
        if self._layers:
            (self._trained if torch.is_grad_enabled() else self._measured).see()

    @property
    def layers(self) -> int:
        """How many such layers there are."""
        return len(self._layers)

    @property
    def off_in_training(self) -> list[str]:
        """Layers in evaluation mode in each of the newest passes with gradients."""
        return self._trained.always()

    @property
    def on_in_validation(self) -> list[str]:
        """Layers in training mode in each of the newest passes without gradients."""
        return self._measured.always()


class _Window:
    """How many passes in a row each layer has been in the wrong mode."""

    def __init__(self, layers: list[tuple[str, nn.Module]], *, wrong: bool) -> None:
        self._layers = layers
        self._wrong = wrong
        self._passes = 0
        self._runs = [0] * len(layers)

    def see(self) -> None:
        self._passes += 1
        for index, (_, layer) in enumerate(self._layers):
            wrong = layer.training is self._wrong
            self._runs[index] = self._runs[index] + 1 if wrong else 0

    def always(self) -> list[str]:
        least = min(MOST_PASSES, self._passes)
        named = [
            name
            for (name, _), run in zip(self._layers, self._runs, strict=True)
            if least and run >= least
        ]
        return named[:MOST_NAMES]
