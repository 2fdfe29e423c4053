"""AutoTrainer's detection: what its monitor calls an issue. Classification runs only.

Parameters are of shiningrain/AUTOTRAINER, AutoTrainer/reproduce.py, conditions of
AutoTrainer/utils/monitor.py @03a463e as the facts page gives them; both were read again
in stored versions (@11dc01f, and @04f4033, @5175f6c of the monitor). Readings, each the
one with fewer false alarms:

- Accuracies are judged over the whole run: a best accuracy is lowest early on.
- Not converged: training and validation accuracy both (@5175f6c; @04f4033 takes either).
- `not_converge` is reported if both it and slow convergence hold (@5175f6c).
- `unstable` only where neither holds (@04f4033, `elif`).
- Accuracies of validation may be missing: training's stand alone then.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from tests.benchmarks.diagnosis.peers.contract import (
    Alarm,
    Numbers,
    Readings,
    RunView,
)
from tests.benchmarks.diagnosis.peers.kinds import alarm

VANISH_RATIO, VANISH_NORM = 1e-3, 1e-4
# "'beta_1': 1e-3", "'beta_2': 1e-4": norm of the first kernel's gradient over the last's,
# and the first's own.
EXPLODE_RATIO: Final = 70.0
# "'beta_3': 70".
DIED: Final = 0.7
# "'gamma': 0.7": share of zeros among all gradients.
SWING, SWING_RATE = 0.03, 0.2
# "'zeta': 0.03", "'eta': 0.2": accuracy between neighbouring extrema, share of epochs.
SLOW: Final = 0.01
# "'delta': 0.01": largest gain of accuracy from one epoch to the next.
CONVERGED: Final = 0.6
# "'Theta': 0.6" (0.7 in a comment of the monitor).
LARGE_LOSS: Final = 1e3
# "threshold=1e+3" (@5175f6c).
CHECK_EPOCHS: Final = 3
# "--check_interval … default=3".


@dataclass(frozen=True)
class AutoTrainer:
    """Gradient problems are reported after non-convergence or slow convergence only."""

    name: str = "AutoTrainer (port)"
    source: str = "shiningrain/AUTOTRAINER@03a463e, reproduce.py and utils/monitor.py"

    def alarms(self, view: RunView) -> list[Alarm]:
        """Return the issues; nothing for a regression."""
        if not view.is_classification:
            return []
        return [alarm("autotrainer", rule) for rule in dict.fromkeys(_issues(view))]


def _issues(view: RunView) -> Iterator[str]:
    train, val = view.train_accuracy_by_epoch, view.val_accuracy
    if _is_broken(view):
        yield "explode NaN"
        return
    if not len(train):
        return
    accuracies = [values for values in (train, val) if len(values)]
    unconverged = all(np.max(values) < CONVERGED for values in accuracies)
    slow = all(largest_gain(values) < SLOW for values in accuracies)
    if unconverged or slow:
        gradient = _gradient_issue(view)
        if gradient is not None:
            yield gradient
        elif unconverged and slow:
            yield "not_converge"
    elif swings(train) >= SWING_RATE * len(train):
        yield "unstable"


def _is_broken(view: RunView) -> bool:
    losses = np.concatenate([view.train_loss_by_epoch, view.val_loss])
    known = np.concatenate([losses, view.loss])  # such a run ends within an epoch
    tensors = np.array([*view.readings("grad_norm"), *view.readings("weight_norm")])
    large = bool((losses >= LARGE_LOSS).any())
    return large or not np.isfinite(known).all() or not np.isfinite(tensors).all()


def _gradient_issue(view: RunView) -> str | None:
    """Return the first issue that any check saw, in the monitor's order."""
    first_last = _first_and_last(view)
    zeros = _at_checks(view, view.tensors.get("grad_zero_total", ()))
    if any(share >= DIED for share in zeros):
        return "relu"
    if any(first > EXPLODE_RATIO * last for first, last in first_last):
        return "explode"
    if any(
        first < VANISH_NORM and first < VANISH_RATIO * last
        for first, last in first_last
    ):
        return "vanish"
    return None


def _first_and_last(view: RunView) -> list[tuple[float, float]]:
    norms = [row for row in view.layers("grad_norm").values() if row]
    if not norms:
        return []
    first, last = (_at_checks(view, norms[index]) for index in (0, -1))
    return list(zip(first, last, strict=False))


def _at_checks(view: RunView, row: Readings) -> list[float]:
    """Return the last reading up to the end of each third epoch; none yet: the newest."""
    if not row:
        return []
    ends = view.epoch_iterations[CHECK_EPOCHS - 1 :: CHECK_EPOCHS] or (row[-1][0],)
    seen = [[value for at, value in row if at <= end] for end in ends]
    return [values[-1] for values in seen if values]


def largest_gain(accuracy: Numbers) -> float:
    """Return the largest gain from one epoch to the next; 0: it never gained."""
    return float(np.max(np.diff(accuracy), initial=0.0))


def swings(accuracy: Numbers) -> int:
    """Count pairs of a maximum and a minimum, nth with nth, that are far apart."""
    inner, before, after = accuracy[1:-1], accuracy[:-2], accuracy[2:]
    highs = inner[(inner >= before) & (inner >= after)]
    lows = inner[(inner <= before) & (inner <= after)]
    pairs = zip(highs, lows, strict=False)
    return sum(bool(high - low >= SWING) for high, low in pairs)
