"""Whether a run went wrong, by what it achieved; no rule and no label is asked.

"A fault was injected" does not make a run bad, nor does "none was" make it good. What
counts is how a run compares with at least five plain ones of the same data set, model and
optimizer:

- `non_finite`: a training loss was NaN or infinite;
- `broke`: the training raised;
- `score`: the score at the end (last fifth of the epochs, on clean validation data) is
  below their mean by more than three deviations, and at least 2 points of accuracy or
  3 points of explained variance;
- `slow`: it reached their level (the same line) only after more than twice the epochs
  that they took, and at least three more;
- `val_loss_rose`: the validation loss at the end is at least 1.25 times its own best, the
  rise is at least 10 % of the loss at the first epoch (ratios of numbers near 0 mean
  nothing), and more than its bouncing explains (`turning`);
- `misleading`: the log reports a score that is off from the clean one by more than that
  band: the number that a person would publish is wrong.

Otherwise a fault is latent. Runs without a fault get the same test, except `slow` (their
schedules differ on purpose): one that fails it is taken out of the healthy ones and
counted.
"""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from tests.benchmarks.diagnosis.running import RunRecord
from tests.benchmarks.diagnosis.tasks import Goal, load
from tests.benchmarks.diagnosis.turning import (
    all_of,
    count_answers,
    exceeds,
    find_noise,
    find_turn,
    share_error,
    variance_error,
)

POINTS = 0.02
"""Least difference in accuracy that is a harm."""
POINTS_OF_VARIANCE = 0.03
"""The same for the explained variance of a regression."""
RISE = 1.25
"""Validation loss at the end, in units of its own best."""
LEAST_RISE = 0.1
"""Least rise, as a share of the validation loss after the first epoch."""
OUTLIER = 0.15
"""A plain run this far below the median of its group has failed and is left out."""


@dataclass(frozen=True)
class Reference:
    """What plain runs of one setup, or of one data set, achieve."""

    level: float
    band: float
    """How far below `level` is still as good."""
    epochs_to_level: float
    runs: int

    @property
    def line(self) -> float:
        """The lowest score that is as good."""
        return self.level - self.band


class References:
    """The plain runs, by setup and by data set."""

    def __init__(self, records: Iterable[RunRecord]) -> None:
        """Take the records of plain runs: no fault, no trait."""
        self._of_setup: dict[str, list[RunRecord]] = defaultdict(list)
        self._of_task: dict[str, list[RunRecord]] = defaultdict(list)
        for record in records:
            self._of_setup[record.job.base.name].append(record)
            self._of_task[record.job.task].append(record)

    def of(self, record: RunRecord) -> Reference:
        """Return what a run is compared with: its own setup, else its data set."""
        own = self._of_setup.get(record.job.base.name, [])
        same = own if len(own) >= 5 else self._of_task[record.job.task]
        return summarize([each for each in same if each.name != record.name])

    def left_out(self) -> int:
        """Return how many plain runs failed and serve as no reference."""
        return sum(len(group) - len(_sound(group)) for group in self._of_setup.values())


def summarize(records: list[RunRecord]) -> Reference:
    """Return what some plain runs achieve together."""
    sound = _sound(records)
    finals = [record.behaviour.final for record in sound]
    level = statistics.fmean(finals)
    least = POINTS_OF_VARIANCE if records[0].goal == Goal.REGRESSION.value else POINTS
    band = max(3 * statistics.pstdev(finals), least)
    reached = [_epochs_to(record, level - band) for record in sound]
    return Reference(level, band, statistics.median(reached), len(sound))


def find_harm(record: RunRecord, reference: Reference) -> str | None:
    """Return the first reason why a run counts as bad; None: it is as good as any."""
    behaviour = record.behaviour
    if record.error:
        return "broke"
    if not behaviour.is_finite:
        return "non_finite"
    if behaviour.final < reference.line:
        return "score"
    if rose(record):
        return "val_loss_rose"
    if record.job.fault is None:
        return None
    if _is_misleading(record, reference):
        return "misleading"
    took = _epochs_to(record, reference.line)
    typical = reference.epochs_to_level
    return "slow" if took > 2 * typical and took >= typical + 3 else None


def is_back(record: RunRecord, before: RunRecord, reference: Reference) -> bool:
    """Whether a run that followed advice is as good as it can be now.

    It must be back among the plain runs; how long it took does not matter, since more
    epochs may be the advice. Where the fault is a lack of data, no setting can bring the
    data back: then the validation loss must no longer rise, and the score must be that
    of the run's own best epoch.
    """
    if find_harm(record, reference) in (None, "slow"):
        return True
    if not str(before.job.fault).startswith("overfit") or record.error:
        return False
    best = max(before.behaviour.scores, default=1.0)
    is_held = record.behaviour.final >= best - POINTS
    return record.behaviour.is_finite and not rose(record) and is_held


def rose(record: RunRecord) -> bool:
    """Whether the validation loss rose well above its best until the end."""
    losses = record.behaviour.val_losses
    turn = find_turn([-loss for loss in losses])
    if turn is None or turn.best >= 0:
        return False
    is_plain = turn.end <= RISE * turn.best and turn.lost >= LEAST_RISE * losses[0]
    return is_plain and turn.is_real


def overfits(record: RunRecord) -> bool | None:
    """Whether score and loss got worse on the clean validation data (`is_overfit`)."""
    data = load(record.job.task)
    answers = count_answers(data.val_y, is_balanced=data.is_imbalanced)
    behaviour = record.behaviour
    return is_overfit(record, behaviour.scores, behaviour.val_losses, answers)


def is_overfit(
    record: RunRecord,
    scores: list[float],
    losses: list[float],
    answers: float,
    *,
    errors: float = 1.0,
) -> bool | None:
    """Whether a run got worse on some samples while it got better on its own.

    The score fell by what counts as a harm and by more than it bounces, the loss rose by
    more than it bounces, and the training loss did not rise meanwhile: a training that
    falls apart does not overfit.

    Args:
        record: The run.
        scores: On some samples, one an epoch; more is better.
        losses: On the same samples.
        answers: How many answers a score is the mean of.
        errors: Standard errors within which of a line nobody can say on which side it is.

    Returns:
        None where nobody can say: a fall or a rise is so near its line that the bouncing
        of the epochs and so few samples may have put it on either side. Never with
        `errors` of 0.
    """
    score, loss = find_turn(scores), find_turn([-loss for loss in losses])
    if score is None or loss is None:
        return False
    is_variance = record.goal == Goal.REGRESSION.value
    least = POINTS_OF_VARIANCE if is_variance else POINTS
    line = max(least, score.bounce)
    by_answers = variance_error if is_variance else share_error
    noise = math.hypot(score.error, by_answers(line, score.best, answers))
    train = record.behaviour.train_losses
    since = train[min(len(train) - 1, len(train) * loss.best_at // len(losses)) :]
    fell = since[0] - since[-1]
    return all_of(
        fell >= 0 or exceeds(fell, 0.0, errors * math.sqrt(2) * find_noise(since)),
        exceeds(score.lost, line, errors * noise),
        exceeds(loss.lost, loss.bounce, errors * loss.error),
    )


def _sound(records: list[RunRecord]) -> list[RunRecord]:
    middle = statistics.median(record.behaviour.final for record in records)
    return [each for each in records if each.behaviour.final >= middle - OUTLIER]


def _epochs_to(record: RunRecord, line: float) -> float:
    scores = record.behaviour.scores
    return next(
        (i for i, each in enumerate(scores, 1) if each >= line), len(scores) + 1
    )


def _is_misleading(record: RunRecord, reference: Reference) -> bool:
    behaviour = record.behaviour
    if behaviour.logged is None:
        return False
    return abs(behaviour.logged - behaviour.plain) > min(reference.band, 0.05)
