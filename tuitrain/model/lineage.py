"""A trial together with those it carried on from: one configuration, one trajectory."""

from tuitrain.events import TrialId
from tuitrain.model.series import EMPTY_SERIES, Series
from tuitrain.model.study_model import StudyModel
from tuitrain.model.trial_model import TrialModel


def lineage(model: StudyModel, trial: TrialId) -> tuple[TrialModel, ...]:
    """Return the chain of resumed trials that ends in `trial`, oldest first."""
    chain: list[TrialModel] = []
    at: TrialId | None = trial
    while at is not None and (found := model.trials.get(at)) and found not in chain:
        chain.append(found)
        at = found.resumes
    return tuple(reversed(chain))


def whole_series(model: StudyModel, trial: TrialId, name: str) -> Series:
    """Return the series `name` over the whole trajectory that ends in `trial`.

    Each ancestor counts up to the iteration before its successor's first point.
    """
    measured = _measured(model, trial, name)
    if len(measured) == 1:
        return measured[0]
    # A copy from the start: what an ancestor's columns hold is for its own writer.
    joined = EMPTY_SERIES
    for part in measured:
        series = part.whole()
        joined = joined.until(int(series.iterations[0]) - 1)
        joined = joined.append(series.iterations, series.values)
    return joined


def best_of(
    model: StudyModel, trial: TrialId, name: str, *, highest: bool
) -> tuple[int, float] | None:
    """Return what `best` says of a whole series, without putting it together.

    A plan asks for it again and again, of every trial that it could be built on.
    """
    measured = _measured(model, trial, name)
    bests: list[tuple[int, float]] = []
    end: int | None = None
    for part in reversed(measured):
        best = (
            part.best(highest=highest)
            if end is None
            else part.best_before(end, highest=highest)
        )
        if best is not None:
            bests.append(best)
        begins = part.first_iteration
        end = begins if end is None or begins is None else min(end, begins)
    pick = max if highest else min
    # Of equal ones the first, which is the oldest.
    return pick(reversed(bests), key=lambda point: point[1], default=None)


def _measured(model: StudyModel, trial: TrialId, name: str) -> list[Series]:
    """Return what each trial of the trajectory measured, without those that did not."""
    parts = [part.get(name) for part in lineage(model, trial)]
    return [part for part in parts if len(part)]
