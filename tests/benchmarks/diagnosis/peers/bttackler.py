"""BTTackler's assessor: EG, VG, DR, SC, HO and NMG at the end of each epoch.

Parameters are of thuml/BTTackler, bttackler/default_config.yaml, conditions of
bttackler/bridger/btassessor.py @65de4a4 as the facts page gives them; both were read
again in stored versions (@a3db43f, @0fa9071). Readings, each the one with fewer false
alarms:

- SC is its early rule; the rules that compare two halves' variation are left out (they
  have no threshold, the facts page names none, and most converged runs trip them).
- HO and NMG look at full windows of six epochs.
- OF is left out: it is commented out.
- Only weights of two and more dimensions that a `TensorLog` saw.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tests.benchmarks.diagnosis.peers.contract import Alarm, Numbers, RunView
from tests.benchmarks.diagnosis.peers.kinds import alarm

EXPLODED, EXPLODED_RATIO = 1e4, 1e3
# "p_eg1: 10000", "p_eg2: 1000": median over layers of the mean absolute gradient, and of
# a layer's over the next one's.
VANISHED, VANISHED_RATIO = 1e-5, 1e-4
# "p_vg1: 0.00001", "p_vg2: 0.0001": the same two, below; first half of the epochs.
DEAD: Final = 0.5
# "p_dr1: 0.5": median over layers of the share of zero gradients.
DEAD_EPOCHS, SLOW_EPOCHS = 5, 3
# The assessor waits for so many training losses: 5 for DR, 3 for SC (@0fa9071).
VARIATION: Final = 1e-4
# "p_sc1: 0.0001": coefficient of variation of the training losses so far; first half.
SLOPE, OSCILLATION, WINDOW = 0.01, 0.2, 6
# "p_ho1: 0.01", "p_ho2: 0.2", "wd_ho: 6" and "wd_nmg: 6"; HO in the second half.
BEST_PERCENT, MIN_COHORT = 10, 10
# "cmp_percent: 10", "min_cmp_num: 10".


def best_decile(cohort: Sequence[Numbers]) -> Numbers | None:
    """Return by epoch the training loss that the best tenth of a cohort has.

    Args:
        cohort: Training loss by epoch of each trial, this one's included.

    Returns:
        One value an epoch that `MIN_COHORT` trials reached; None: there are too few.
    """
    bounds = []
    for epoch in range(max((len(losses) for losses in cohort), default=0)):
        there = [losses[epoch] for losses in cohort if len(losses) > epoch]
        finite = [loss for loss in there if np.isfinite(loss)]
        if len(finite) < MIN_COHORT:
            break
        bounds.append(np.percentile(finite, BEST_PERCENT))
    return np.array(bounds) if bounds else None


@dataclass(frozen=True, eq=False)
class BTTackler:
    """One trial of a hyperparameter search, on its own or among others."""

    best: Numbers | None = None
    """From `best_decile`: a trial that once is as good is exempt from VG, DR, SC and NMG
    from then on. None: no cohort, nobody is exempt."""
    name: str = "BTTackler (port)"
    source: str = "thuml/BTTackler@65de4a4, default_config.yaml and btassessor.py"

    def alarms(self, view: RunView) -> list[Alarm]:
        """Return the symptoms that any epoch shows."""
        return [
            alarm("bttackler", rule) for rule in dict.fromkeys(self._symptoms(view))
        ]

    def _symptoms(self, view: RunView) -> Iterator[str]:
        exempt, epochs = False, len(view.train_loss_by_epoch)
        gradients, zeros = (
            by_epoch(view, "grad_mean_abs"),
            by_epoch(view, "grad_zero_share"),
        )
        for epoch in range(epochs):
            now = _Epoch(view, epoch, epochs, gradients[epoch], zeros[epoch])
            if now.is_broken:
                yield "EG NaN"
                return
            yield from now.exploding()
            exempt = exempt or self._is_among_best(now)
            yield from () if exempt else now.symptoms()
            yield from now.oscillation()
        if not np.isfinite(view.loss).all():  # tuitrain ends such a run within an epoch
            yield "EG NaN"

    def _is_among_best(self, now: "_Epoch") -> bool:
        if self.best is None or now.epoch >= len(self.best):
            return False
        return bool(now.train[-1] <= self.best[now.epoch])


def by_epoch(view: RunView, what: str) -> list[Numbers]:
    """Return each epoch's mean of `what` by layer, shape (layers,); empty: no reading."""
    means: list[Numbers] = []
    start = 0
    for end in view.epoch_iterations:
        rows = [
            [value for at, value in row if start < at <= end]
            for row in view.layers(what).values()
        ]
        means.append(np.array([np.mean(row) for row in rows if row], dtype=np.float64))
        start = end
    missing = len(view.train_loss_by_epoch) - len(means)
    return means + [np.zeros(0)] * missing


class _Epoch:
    """What the assessor knows at the end of one epoch."""

    def __init__(
        self, view: RunView, epoch: int, epochs: int, gradients: Numbers, zeros: Numbers
    ) -> None:
        self.epoch = epoch
        self.train = view.train_loss_by_epoch[: epoch + 1]
        self.val = view.val_loss[: epoch + 1]
        self._gradients, self._zeros = gradients, zeros
        self._late = epoch >= epochs // 2

    @property
    def is_broken(self) -> bool:
        """Whether the loss or a gradient is not finite."""
        known = np.append(self._gradients, self.train[-1])
        return not bool(np.isfinite(known).all())

    def _ratios(self) -> Numbers:
        return self._gradients[:-1] / self._gradients[1:]

    def exploding(self) -> Iterator[str]:
        if not len(self._gradients):
            return
        ratios = self._ratios() if (self._gradients != 0).all() else np.zeros(0)
        steep = len(ratios) and np.median(ratios) > EXPLODED_RATIO
        if steep or np.median(self._gradients) > EXPLODED:
            yield "EG"

    def symptoms(self) -> Iterator[str]:
        """Yield what trials among the best are exempt from."""
        if not self._late and self._is_vanishing():
            yield "VG"
        enough = len(self.train) >= DEAD_EPOCHS and len(self._zeros)
        if enough and np.median(self._zeros) > DEAD:
            yield "DR"
        early = not self._late and len(self.train) >= SLOW_EPOCHS
        if early and variation(self.train) < VARIATION:
            yield "SC"
        if _gains_nothing(self.train):
            yield "NMG train"
        if _gains_nothing(self.val):
            yield "NMG val"

    def _is_vanishing(self) -> bool:
        if not len(self._gradients):
            return False
        if (self._gradients == 0).any() or np.median(self._gradients) < VANISHED:
            return True
        ratios = self._ratios()
        return bool(len(ratios) and np.median(ratios) < VANISHED_RATIO)

    def oscillation(self) -> Iterator[str]:
        if self._late and any(map(_oscillates, (self.train, self.val))):
            yield "HO"


def variation(losses: Numbers) -> float:
    """Return standard deviation over mean."""
    return float(np.std(losses) / np.mean(losses)) if np.mean(losses) else np.inf


def _oscillates(losses: Numbers) -> bool:
    window = losses[-WINDOW:]
    if len(window) < WINDOW or not np.isfinite(window).all():
        return False
    slope = np.polyfit(np.arange(WINDOW), window, 1)[0]
    return bool(slope >= SLOPE and variation(window) > OSCILLATION)


def _gains_nothing(losses: Numbers) -> bool:
    if len(losses) < WINDOW:
        return False
    head, tail = losses[-WINDOW : -WINDOW // 2], losses[-WINDOW // 2 :]
    return bool(np.mean(head) < np.mean(tail))
