"""Whether one pass over a few minibatches was without error: step 2's question."""

from typing import Final

from torch import Tensor

from tuitrain.worker.accuracy import Counted

FIT_SHARE: Final = 0.01
"""Share of the constant predictor's loss that counts as fitted, for regression."""


class FitWatch:
    """Adds up one pass on the device; asking reads it back once."""

    def __init__(self, constant_loss: float | None) -> None:
        """Begin with nothing seen.

        Args:
            constant_loss: Loss of always answering the mean target; None: this is no
                regression, only accuracy tells.
        """
        self._constant_loss = constant_loss
        self._counts: list[Counted] = []
        self._losses: list[Tensor] = []

    def see(self, loss: Tensor, counted: Counted | None) -> None:
        """Add one iteration; both stay on the device."""
        self._losses.append(loss)
        if counted is not None:
            self._counts.append(counted)

    def is_reached(self) -> bool:
        """Whether the pass just seen was without error; the next pass begins empty."""
        counts, losses = self._counts, self._losses
        self._counts, self._losses = [], []
        if counts:
            correct = sum(float(each.correct) for each in counts)
            total = sum(float(each.total) for each in counts)
            return total > 0 and correct >= total
        if self._constant_loss is None or not losses:
            return False
        mean = sum(float(loss) for loss in losses) / len(losses)
        return mean <= FIT_SHARE * self._constant_loss
