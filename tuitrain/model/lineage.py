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
    parts = [part.get(name) for part in lineage(model, trial)]
    measured = [part for part in parts if len(part)]
    if len(measured) == 1:
        return measured[0]
    # A copy from the start: what an ancestor's columns hold is for its own writer.
    joined = EMPTY_SERIES
    for series in measured:
        joined = joined.until(int(series.iterations[0]) - 1)
        joined = joined.append(series.iterations, series.values)
    return joined
