"""The scale of a loss that must not be asked: its gradient tells which one it is."""

from typing import Final

import torch
from torch import Tensor

MOST_ROWS: Final = 64
"""Samples that are compared, as many as there are targets kept."""
SAME: Final = 0.999
"""Squared cosine of two gradients from which they are the same but for their scale."""


class ScaleLook:
    """Keeps the first outputs that are trained on, and what the loss sends back to them."""

    def __init__(self, *, is_on: bool = True) -> None:
        """Nothing seen so far.

        Args:
            is_on: False: the loss may be asked, so nothing is kept.
        """
        self._is_on = is_on
        self._outputs: Tensor | None = None
        self._gradient: Tensor | None = None
        self._shape: torch.Size | None = None

    def see(self, outputs: Tensor) -> None:
        """Look at outputs that are about to go into the loss."""
        is_plain = outputs.dtype in (torch.float32, torch.float64) and outputs.ndim > 0
        # Where a scaler is at work, its factor is in all gradients.
        is_seen = self._shape is not None or not self._is_on
        if is_seen or not is_plain or torch.is_autocast_enabled():
            return
        if outputs.requires_grad:
            self._shape = outputs.shape
            self._outputs = outputs.detach()[:MOST_ROWS].clone()
            outputs.register_hook(self._keep)  # type: ignore[no-untyped-call]

    def _keep(self, gradient: Tensor) -> None:
        if self._gradient is None:
            self._gradient = gradient.detach()[:MOST_ROWS].clone()

    def compare(self, targets: object) -> Tensor | None:
        """Return how many times the mean over the samples the loss is.

        A cross entropy, a binary one and a squared error each send back what they alone
        do, but for their scale. None: nothing came back, or targets are of no such loss.
        NaN: it is none of them.
        """
        outputs, gradient, shape = self._outputs, self._gradient, self._shape
        self._outputs = self._gradient = None
        if outputs is None or gradient is None or shape is None:
            return None
        if not isinstance(targets, Tensor) or not targets.ndim:
            return None
        rows = min(len(outputs), len(targets))
        outputs, gradient, targets = outputs[:rows], gradient[:rows], targets[:rows]
        found: Tensor | None = None
        for expected in _expected(outputs, targets):
            along = (gradient * expected).sum()
            size, own = gradient.square().sum(), expected.square().sum()
            times = along / own * shape[0]
            is_it = (along > 0) & (along.square() > SAME * size * own)
            times = torch.where(is_it, times, torch.nan)
            found = times if found is None else torch.where(is_it, times, found)
        return found


def _expected(outputs: Tensor, targets: Tensor) -> list[Tensor]:
    """Return what each loss sends back from a sample, of the sum over its outputs."""
    if not targets.is_floating_point():
        is_index = outputs.ndim > 1 and targets.shape == (
            outputs.shape[0],
            *outputs.shape[2:],
        )
        if not is_index or targets.dtype != torch.int64:
            return []
        classes = outputs.shape[1]
        known = targets.clamp(0, classes - 1)
        chosen = torch.zeros_like(outputs).scatter_(1, known[:, None], 1.0)
        return [outputs.softmax(1) - chosen]
    if targets.shape != outputs.shape:
        return []
    targets = targets.to(outputs.dtype)
    return [2 * (outputs - targets), outputs.sigmoid() - targets]
