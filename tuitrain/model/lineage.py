"""A trial together with those it carried on from: one configuration, one trajectory."""

from tuitrain.events import TrialId
from tuitrain.model.series import Series
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
    joined = Series()
    for part in lineage(model, trial):
        series = part.get(name)
        if not len(series):
            continue
        joined = joined.until(int(series.iterations[0]) - 1)
        joined = joined.append(series.iterations, series.values)
    return joined
