"""Whether a curve turned for the worse, told from its bouncing; no rule is asked.

A single epoch is chance: the best of many bounces is too good, and the last one may be
anything. So windows are compared, not epochs: the best median over a tenth of the epochs
with the median over the last fifth. What lies between has two kinds of noise:

- *of the epochs*: the spread between neighbours gives the standard error of both medians
  and of their difference. Three of them must be exceeded, since the best window is a
  choice among some ten: of ten draws the largest lies at 1.5 deviations, and 3 leave room
  for what two medians scatter.
- *of the evaluation set*: the same samples are asked each time, so that only answers that
  changed count (McNemar 1947). Where three are lost for each one that is gained, a loss
  of d takes 2d of the n answers, with a standard error of √(2d/n). Squared errors of
  which u is left at the best, and d more once something independent and normal was added
  to the predictions, differ by √((4ud + 2d²)/n) in their mean. On the tuning data sets,
  losses on two sets of samples differ by 0.9 to 1.0 of what both kinds give together, and
  by 1.3 where one sample has many answers.

Who asks whether a loss exceeds a line gets three answers: yes or no where it is further
from the line than that noise, and otherwise that nobody can say (`exceeds`). It is the
same on both sides, and nothing but the curve and the number of answers decides it.

The judge compares windows, too, in code of its own: a label that used it would share its
mistakes.
"""

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

EPOCH_ERRORS: Final = 3.0
MEDIAN_PENALTY: Final = 1.2533
"""√(π/2): the standard error of a median over that of a mean."""
MAD_TO_SD: Final = 1.4826
LEAST_EPOCHS: Final = 5


@dataclass(frozen=True)
class Turn:
    """A curve of which more is better, at its best and at its end."""

    best: float
    best_at: int
    """Epochs until the middle of the best window."""
    end: float
    error: float
    """Standard error of `lost` that the bouncing of the epochs explains."""

    @property
    def lost(self) -> float:
        """From the best to the end; 0 or more."""
        return max(0.0, self.best - self.end)

    @property
    def bounce(self) -> float:
        """What must be exceeded by a loss that the epochs' bouncing does not explain."""
        return EPOCH_ERRORS * self.error

    @property
    def is_real(self) -> bool:
        """Whether more was lost than the epochs bounce."""
        return self.lost > self.bounce


def find_turn(values: Sequence[float]) -> Turn | None:
    """Compare the best of a curve with its end; None: too few epochs, or not finite."""
    count = len(values)
    if count < LEAST_EPOCHS or not all(map(math.isfinite, values)):
        return None
    window, last = max(3, count // 10), max(3, count // 5)
    medians = [
        statistics.median(values[start : start + window])
        for start in range(count - window + 1)
    ]
    best = max(medians)
    return Turn(
        best=best,
        best_at=medians.index(best) + window // 2 + 1,
        end=statistics.median(values[-last:]),
        error=MEDIAN_PENALTY * find_noise(values) * math.sqrt(1 / window + 1 / last),
    )


def find_noise(values: Sequence[float]) -> float:
    """Return the standard deviation around a smooth curve; 0: too few to tell."""
    if len(values) < 3:
        return 0.0
    steps = [after - before for before, after in itertools.pairwise(values)]
    middle = statistics.median(steps)
    spread = statistics.median(abs(step - middle) for step in steps)
    return MAD_TO_SD * spread / math.sqrt(2)


def share_error(lost: float, best: float, answers: float) -> float:
    """Return the standard error of a loss of right answers, of so many that were asked.

    What the best was does not matter; it is here as `variance_error` has it.
    """
    return math.sqrt(2 * lost / answers) if answers else math.inf


def variance_error(lost: float, best: float, answers: float) -> float:
    """Return the standard error of a loss of explained variance, from `best` on."""
    if not answers:
        return math.inf
    return math.sqrt((4 * (1 - best) * lost + 2 * lost**2) / answers)


def exceeds(value: float, line: float, error: float) -> bool | None:
    """Whether a value lies above a line; None: within one error of it."""
    if value > line + error:
        return True
    return False if value <= line - error else None


def all_of(*answers: bool | None) -> bool | None:
    """Whether everything holds; None: nobody can say, but nothing is known to fail."""
    if False in answers:
        return False
    return None if None in answers else True


def count_answers(targets: Tensor, *, is_balanced: bool) -> float:
    """Return how many answers a score is the mean of.

    Where each class counts the same, those of rare classes scatter most: it is the number
    of answers whose plain mean would scatter as much.
    """
    if not is_balanced:
        return float(targets.numel())
    _, counts = torch.unique(targets, return_counts=True)
    return float(len(counts) ** 2 / (1 / counts.double()).sum())
