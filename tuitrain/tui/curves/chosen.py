"""Which curves a plot shows: the drawn trials' series over their whole trajectory."""

from collections.abc import Sequence

from tuitrain.events import TrialId
from tuitrain.model import Series, StudyModel, lineage, whole_series
from tuitrain.study import Study
from tuitrain.tui.curves.picture import Curve
from tuitrain.tui.view import Shown, View, shown_trials


class WholeSeries:
    """Joined series, remembered until one of their parts grows."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._kept: dict[tuple[TrialId, str], tuple[tuple[Series, ...], Series]] = {}

    def get(self, model: StudyModel, trial: TrialId, name: str) -> Series:
        """Return the series `name` over the trajectory that ends in `trial`."""
        parts = tuple(part.get(name) for part in lineage(model, trial))
        if len(parts) == 1:
            return parts[0]
        kept = self._kept.get((trial, name))
        if kept is None or not _are_same(kept[0], parts):
            kept = parts, whole_series(model, trial, name)
            self._kept[trial, name] = kept
        return kept[1]


def _are_same(before: Sequence[Series], after: Sequence[Series]) -> bool:
    return len(before) == len(after) and all(
        old is new for old, new in zip(before, after, strict=True)
    )


def curves_of(
    study: Study, view: View, names: tuple[str, str], joined: WholeSeries
) -> tuple[Curve, ...]:
    """Return the curves to draw, validation first so that training lies on top.

    Args:
        study: The study.
        view: Which trials are drawn, and what the x axis counts.
        names: Series of training and of validation.
        joined: Where joined series are remembered.
    """
    drawn = [shown for shown in shown_trials(study, view) if shown.is_drawn]
    # The chosen trial is drawn last, over the others.
    drawn.sort(key=lambda shown: shown.is_cursor)
    curves = []
    for is_validation in (True, False):
        name = names[1] if is_validation else names[0]
        for shown in drawn:
            series = joined.get(study.model, shown.trial.trial, name)
            unit = _per_iteration(study, shown, by_epoch=view.by_epoch)
            curves.append(Curve(shown.letter, shown.role, series, unit, is_validation))
    return tuple(curves)


def _per_iteration(study: Study, shown: Shown, *, by_epoch: bool) -> float:
    """Return the units of the x axis in one iteration; 1 where epochs are not known."""
    if not by_epoch:
        return 1.0
    for part in reversed(lineage(study.model, shown.trial.trial)):
        if part.limits.batches:
            return 1.0 / part.limits.batches
        if part.task is not None and part.task.iterations_per_epoch:
            return 1.0 / part.task.iterations_per_epoch
    return 1.0
