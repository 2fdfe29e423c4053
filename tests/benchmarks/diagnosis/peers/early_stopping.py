"""Early stopping on the validation loss, read as an alarm."""

from dataclasses import dataclass

import numpy as np

from tests.benchmarks.diagnosis.peers.contract import Alarm, Numbers, RunView
from tests.benchmarks.diagnosis.peers.kinds import alarm


@dataclass(frozen=True)
class EarlyStopping:
    """Alarms where the callback would end the run before its planned end.

    Reading: a stop that falls on the last epoch ends nothing early, and any improvement
    counts (`min_delta` 0, as both libraries have it). NaN never improves.
    """

    patience: int = 3
    # Lightning's default: "patience=3", "number of checks with no improvement after which
    # training will be stopped" (lightning.ai/docs/pytorch/latest, EarlyStopping; no
    # commit). Keras has 0 as its default, which stops at the first rise; 5 is our second
    # choice, of no source.
    source: str = "lightning.pytorch.callbacks.EarlyStopping, tf.keras likewise"

    @property
    def name(self) -> str:
        """The patience is part of the name."""
        return f"early stopping, patience {self.patience}"

    def alarms(self, view: RunView) -> list[Alarm]:
        """Return the one alarm, or nothing."""
        stop = stops_after(view.val_loss, self.patience)
        if stop is None or stop >= len(view.val_loss):
            return []
        return [alarm("early stopping", "stops early")]


def stops_after(losses: Numbers, patience: int) -> int | None:
    """Return after how many evaluations it stops; None: never."""
    best, waited = np.inf, 0
    for number, loss in enumerate(losses, start=1):
        if loss < best:
            best, waited = float(loss), 0
            continue
        waited += 1
        if waited >= patience:
            return number
    return None
