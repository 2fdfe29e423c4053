"""Whether one pass over a few minibatches was without error: step 2's question."""

import math
from typing import Final

from tuitrain.worker.readings import Number, Reading, read_rows

FIT_SHARE: Final = 0.01
"""Share of the constant predictor's loss that counts as fitted, for regression."""


class FitWatch:
    """Adds up one pass on the device; asking reads it back once."""

    def __init__(self, constant_loss: float | None = None) -> None:
        """Begin with nothing seen.

        Args:
            constant_loss: Loss of always answering the mean target; None: this is no
                regression, only accuracy tells.
        """
        self.constant_loss = constant_loss
        self._shares: list[Number] = []
        self._losses: list[Number] = []

    def see(self, loss: Number | None, share: Number | None) -> None:
        """Add one iteration: its loss and its accuracy 0..1; tensors are not read yet."""
        if loss is not None:
            self._losses.append(loss)
        if share is not None:
            self._shares.append(share)

    def is_reached(self) -> bool:
        """Whether the pass just seen was without error; the next pass begins empty."""
        shares, losses = _read(self._shares), _read(self._losses)
        self._shares, self._losses = [], []
        if shares:
            return all(math.isclose(share, 1.0) for share in shares)
        if self.constant_loss is None or not losses:
            return False
        return sum(losses) / len(losses) <= FIT_SHARE * self.constant_loss


def _read(numbers: list[Number]) -> list[float]:
    rows, _ = read_rows([Reading(0, {"": number}) for number in numbers])
    return [values[""] for _, values in rows]
