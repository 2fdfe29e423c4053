"""Which curves a plot shows: the drawn trials' series over their whole trajectory."""

from collections.abc import Sequence

import msgspec
import numpy as np

from tuitrain.events import TrialId
from tuitrain.model import Series, StudyModel, TrialModel, lineage, whole_series
from tuitrain.study import Study
from tuitrain.tui.curves.curve import Curve, Happened
from tuitrain.tui.curves.scale import EvenScale, Scale, TimeScale, time_scale
from tuitrain.tui.lens import Events, XUnit
from tuitrain.tui.view import Shown, View, shown_trials


class Trajectories:
    """Joined series and times, remembered until one of their parts grows."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._series: dict[tuple[TrialId, str], tuple[tuple[Series, ...], Series]] = {}
        self._times: dict[TrialId, tuple[tuple[Series, ...], TimeScale | None]] = {}

    def get(self, model: StudyModel, trial: TrialId, name: str) -> Series:
        """Return the series `name` over the trajectory that ends in `trial`."""
        parts = tuple(part.get(name) for part in lineage(model, trial))
        if len(parts) == 1:
            return parts[0]
        kept = self._series.get((trial, name))
        if kept is None or not _are_same(kept[0], parts):
            kept = parts, whole_series(model, trial, name)
            self._series[trial, name] = kept
        return kept[1]

    def times(self, parts: Sequence[TrialModel]) -> TimeScale | None:
        """Return the time scale of a trajectory; None: nothing was written yet."""
        if len(parts) == 1:
            return time_scale(parts)
        trial, times = parts[-1].trial, tuple(part.times for part in parts)
        kept = self._times.get(trial)
        if kept is None or not _are_same(kept[0], times):
            kept = times, time_scale(parts)
            self._times[trial] = kept
        return kept[1]


def _are_same(before: Sequence[Series], after: Sequence[Series]) -> bool:
    return len(before) == len(after) and all(
        old is new for old, new in zip(before, after, strict=True)
    )


class Chosen(msgspec.Struct, frozen=True):
    """What a plot draws of a study."""

    curves: tuple[Curve, ...] = ()
    """Validation first, so that training lies on top; the chosen trial's last."""
    reach: float = 0.0
    """Where the longest of the drawn trials ends on the x axis."""
    happened: Happened | None = None
    """Of the chosen trial; None: it is not drawn."""
    best_of: Curve | None = None
    """The chosen trial's validation, or its training where there is none."""


def choose(
    study: Study, view: View, names: tuple[str, str], trajectories: Trajectories
) -> Chosen:
    """Return what is drawn of one measured quantity.

    Args:
        study: The study.
        view: Which trials are drawn, and what the x axis counts.
        names: Series of training and of validation.
        trajectories: Where joined series are remembered.
    """
    drawn = drawn_in_order(study, view)
    scales = {
        shown.trial.trial: scale_of(study, shown, view.lens.unit, trajectories)
        for shown in drawn
    }
    curves = [
        Curve(
            shown.letter,
            shown.role,
            trajectories.get(study.model, shown.trial.trial, name),
            scales[shown.trial.trial],
            is_validation,
            iterations_per_epoch(study, shown),
        )
        for is_validation, name in ((True, names[1]), (False, names[0]))
        for shown in drawn
    ]
    chosen = drawn[-1] if drawn and drawn[-1].is_cursor else None
    own = [c for c in curves if chosen and c.letter == chosen.letter and len(c.series)]
    return Chosen(
        tuple(curves),
        reach_of(study, drawn, scales),
        _happened(study, view, chosen, scales[chosen.trial.trial], trajectories)
        if chosen
        else None,
        own[0] if own else None,
    )


def drawn_in_order(study: Study, view: View) -> list[Shown]:
    """Return the drawn trials; the chosen one comes last, over the others."""
    drawn = [shown for shown in shown_trials(study, view) if shown.is_drawn]
    return sorted(drawn, key=lambda shown: shown.is_cursor)


def find_reach(study: Study, view: View, trajectories: Trajectories) -> float:
    """Return where the longest of the drawn trials ends on the x axis."""
    drawn = drawn_in_order(study, view)
    scales = {
        shown.trial.trial: scale_of(study, shown, view.lens.unit, trajectories)
        for shown in drawn
    }
    return reach_of(study, drawn, scales)


def reach_of(
    study: Study, drawn: Sequence[Shown], scales: dict[TrialId, Scale]
) -> float:
    """Return where the longest of some trials ends, whatever it has measured last."""
    ends = [
        scales[shown.trial.trial].to_x(
            np.array([float(study.model.trials[shown.trial.trial].iteration)])
        )[0]
        for shown in drawn
    ]
    return float(max(ends, default=0.0))


def scale_of(
    study: Study, shown: Shown, unit: XUnit, trajectories: Trajectories
) -> Scale:
    """Return where a trial's iterations lie; by count where epochs are not known."""
    if unit is XUnit.TIME:
        parts = lineage(study.model, shown.trial.trial)
        return trajectories.times(parts) or EvenScale()
    per_epoch = iterations_per_epoch(study, shown)
    if unit is XUnit.EPOCHS and per_epoch:
        return EvenScale(1.0 / per_epoch)
    return EvenScale()


def iterations_per_epoch(study: Study, shown: Shown) -> int | None:
    """Return the iterations in one epoch of a trial; None: not known."""
    for part in reversed(lineage(study.model, shown.trial.trial)):
        if part.limits.batches:
            return part.limits.batches
        if part.task is not None and part.task.iterations_per_epoch:
            return part.task.iterations_per_epoch
    return None


def _happened(
    study: Study, view: View, chosen: Shown, scale: Scale, trajectories: Trajectories
) -> Happened | None:
    if view.lens.events is Events.NONE:
        return None
    trial = chosen.trial.trial
    parts = lineage(study.model, trial)
    epochs = sorted({at for part in parts for at in part.epoch_iterations})
    named = (finding.evidence.get("iteration") for finding in study.findings(trial))
    return Happened(
        chosen.letter,
        scale,
        tuple(epochs),
        max(1, parts[-1].epoch - len(epochs) + 1),
        trajectories.get(study.model, trial, "lr"),
        tuple(sorted({at for at in named if isinstance(at, int)})),
    )
