"""Layers that behave differently in training, found in the wrong mode."""

from typing import Final

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from tuitrain.worker.hooks import Hook

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


class ModeLook(Hook):
    """Notes the modes of such layers in passes with and without gradients.

    A mode goes wrong at the start or after a validation. So it looks on until enough
    passes of training follow a validation, and again when it is asked to: any hook makes
    each call of a module slower. It is the hook itself, with no call in between.
    """

    def __init__(self, model: nn.Module) -> None:
        """Nothing noted so far."""
        self._model = model
        named = two_faced(model)
        self._names = [name for name, _ in named]
        self._layers = [layer for _, layer in named]
        self._trained = _Passes()
        self._measured = _Passes()
        self._handle: RemovableHandle | None = None
        self._left = 0
        """Passes of training until it has seen enough; below 1: no validation so far."""
        self.is_paused = False
        """Whether the passes under way are none of the training's."""

    def begin(self) -> None:
        """Look on from now, until a validation and what follows it has been seen."""
        self._left = 0
        if self._layers and self._handle is None:
            self._handle = self._model.register_forward_pre_hook(self)

    def end(self) -> None:
        """Look no longer; what was noted stays."""
        if self._handle is not None:
            self._handle.remove()
            self._handle = None

    def __call__(self, *_: object, **__: object) -> None:
        """Note the modes: a forward pass is under way."""
        if self.is_paused:
            return
        if torch.is_grad_enabled():
            passes = self._trained
            self._left -= 1
            if self._left == 0:
                self.end()
        else:
            passes = self._measured
            self._left = MOST_PASSES
        passes.count += 1
        # As good as always they are what they were, and no more is to be done.
        modes = [layer.training for layer in self._layers]
        if modes != passes.modes:
            passes.change(modes)

    @property
    def layers(self) -> int:
        """How many such layers there are."""
        return len(self._layers)

    @property
    def off_in_training(self) -> list[str]:
        """Layers in evaluation mode in each of the newest passes with gradients."""
        return self._trained.always(self._names, wrong=False)

    @property
    def on_in_validation(self) -> list[str]:
        """Layers in training mode in each of the newest passes without gradients."""
        return self._measured.always(self._names, wrong=True)


class _Passes:
    """In which mode each layer is, and for how many passes in a row."""

    def __init__(self) -> None:
        self.count = 0
        self.modes: list[bool] = []
        self._since: list[int] = []

    def change(self, modes: list[bool]) -> None:
        """Note the modes of the newest pass, which are not those of the one before."""
        before = self.modes or [not mode for mode in modes]
        since = self._since or [0] * len(modes)
        self._since = [
            start if mode is old else self.count - 1
            for start, mode, old in zip(since, modes, before, strict=True)
        ]
        self.modes = modes

    def always(self, names: list[str], *, wrong: bool) -> list[str]:
        least = min(MOST_PASSES, self.count)
        named = [
            name
            for name, mode, start in zip(names, self.modes, self._since, strict=False)
            if mode is wrong and self.count - start >= least
        ]
        return named[:MOST_NAMES]
