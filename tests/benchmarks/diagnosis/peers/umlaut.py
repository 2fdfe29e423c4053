"""UMLAUT's runtime heuristics, those that a finished run still shows.

Conditions are of BerkeleyHCI/umlaut, umlaut/heuristics.py @68c2a02 as the facts page
gives them; two stored versions of the file were read again (@c7c6f00 and a later one
whose commit the index does not name). Readings, each the one with fewer false alarms:

- Validation above training accuracy counts from 0.05 on (@68c2a02; the stored versions
  take any excess).
- A missing softmax can show with `NLLLoss` only: torch's `CrossEntropyLoss` takes logits,
  which UMLAUT's `from_logits` excuses.
- NaN in the loss alarms as in @c7c6f00; the later version asks for NaN in the input.
  An infinite loss counts: tuitrain ends there, where Keras goes on to NaN.
- Input shape and type, and linear hidden layers, are left out: they are not measured.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from tests.benchmarks.diagnosis.peers.contract import Alarm, RunView
from tests.benchmarks.diagnosis.peers.kinds import alarm

LOWEST_INPUT, HIGHEST_INPUT = -1.0, 1.0
# "less than the typical value of -1", "greater than the typical value of 1" (@c7c6f00).
HIGH_LR, LOW_LR = 0.01, 1e-7
# "lr > 0.01 or lr < 1e-7" (the later stored version).
HIGH_ACCURACY, QUIET_EPOCHS = 0.95, 3
# "val_acc > 0.95"; "epoch < 3": "validation accuracy can be a bit random at first"
# (the later stored version; epochs from 0).
ABOVE_TRAINING: Final = 0.05
# As given in the facts page; not in the stored versions.
HIGH_DROPOUT: Final = 0.5
# As given in the facts page; not in the stored versions.
NOT_NORMALIZED: Final = 1e-3
"""Log-sum-exp of an output row from which it is no log-probability. Ours, for rounding."""


def input_not_normalized(view: RunView) -> bool:
    """Some input of the first training batches is outside [-1, 1]."""
    low, high = view.last("input_min"), view.last("input_max")
    if low is None or high is None:
        return False
    return low < LOWEST_INPUT or high > HIGHEST_INPUT


def nan_in_loss(view: RunView) -> bool:
    """Some iteration's loss, and with it the mean of its epoch."""
    return not bool(np.isfinite(view.loss).all())


def lr_high(view: RunView) -> bool:
    """Whatever the optimizer."""
    return view.lr is not None and view.lr > HIGH_LR


def lr_low(view: RunView) -> bool:
    """Whatever the optimizer."""
    return view.lr is not None and view.lr < LOW_LR


def overfitting(view: RunView) -> bool:
    """Validation loss up, training loss not, from one epoch to the next."""
    epochs = min(len(view.val_loss), len(view.train_loss_by_epoch))
    train = np.diff(view.train_loss_by_epoch[:epochs])
    return bool(((np.diff(view.val_loss[:epochs]) > 0) & (train <= 0)).any())


def overconfident_val_accuracy(view: RunView) -> bool:
    """Validation accuracy that is too good to be true, in some epoch past the third."""
    epochs = min(len(view.val_accuracy), len(view.train_accuracy_by_epoch))
    val = view.val_accuracy[QUIET_EPOCHS:epochs]
    excess = val - view.train_accuracy_by_epoch[QUIET_EPOCHS:epochs]
    return bool(((val > HIGH_ACCURACY) | (excess > ABOVE_TRAINING)).any())


def no_softmax(view: RunView) -> bool:
    """The loss expects log-probabilities and the outputs are none."""
    expects = view.last("expects_log_probabilities") == 1.0
    outputs = view.tensors.get("output_logsumexp", ())
    return expects and any(value > NOT_NORMALIZED for _, value in outputs)


def high_dropout(view: RunView) -> bool:
    """Half is still allowed."""
    return view.dropout is not None and view.dropout > HIGH_DROPOUT


RULES: Final[dict[str, Callable[[RunView], bool]]] = {
    "InputNotNormalized": input_not_normalized,
    "NaNInLoss": nan_in_loss,
    "LRHigh": lr_high,
    "LRLow": lr_low,
    "Overfitting": overfitting,
    "OverconfidentValAccuracy": overconfident_val_accuracy,
    "NoSoftmaxActivation": no_softmax,
    "HighDropout": high_dropout,
}


@dataclass(frozen=True)
class Umlaut:
    """Every heuristic, at the end of every epoch."""

    name: str = "UMLAUT (port)"
    source: str = "BerkeleyHCI/umlaut@68c2a02, umlaut/heuristics.py"

    def alarms(self, view: RunView) -> list[Alarm]:
        """Return the heuristics that fire in any epoch."""
        return [alarm("umlaut", name) for name, rule in RULES.items() if rule(view)]
