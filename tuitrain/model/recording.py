"""What a whole recording tells, and what was true at any moment of it."""

from array import array
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate, islice
from operator import ge

from msgspec.structs import replace

from tuitrain.events import (
    BestAccepted,
    CheckpointSaved,
    EpochEnded,
    Event,
    GpusSampled,
    PointsMeasured,
    ProbeFailed,
    Record,
    StepEntered,
    StepStarted,
    StudyEnded,
    TaskDescribed,
    TaskInspected,
    TrialEnded,
    TrialFinished,
    TrialId,
    TrialStarted,
    VerdictReached,
)
from tuitrain.model.fold import fold, fold_all, in_order
from tuitrain.model.series import EMPTY_SERIES, Series
from tuitrain.model.study_model import StudyModel
from tuitrain.model.trial_model import TrialModel
from tuitrain.units import Seconds

SCENES = (StepEntered, StepStarted, VerdictReached, BestAccepted, StudyEnded)
"""Events at which something else begins to be shown."""


class Recording:
    """A folded recording that can be wound back.

    Points are most of a recording and are kept once, in the series that the fold made:
    at a moment they are windows on those, so that neither memory nor a jump back costs
    what folding them again would. All else is folded up to the moment.
    """

    def __init__(self) -> None:
        """Return a recording without events."""
        self.whole = StudyModel()
        """After all events."""
        self.start_s: Seconds | None = None
        """Time of the first event; None: there is none."""
        self.end_s: Seconds | None = None
        """Time of the last event; None: there is none."""
        self._growths: dict[TrialId, _Growth] = {}
        self._events: list[Record] = []
        self._moments: list[float] = []
        self._newest: dict[str, float] = {}
        self._times: list[float] | None = []
        self._snapshots: list[tuple[int, StudyModel]] = [(0, StudyModel())]
        self._next = 0
        self._model = StudyModel()
        self._shown: dict[TrialId, tuple[TrialModel | None, int, TrialModel]] = {}

    def add(self, records: Sequence[Record]) -> None:
        """Take more events; those of one stream in the order they were written."""
        before, self.whole = self.whole, fold_all(self.whole, records)
        written: dict[TrialId, list[_Writing]] = {}
        for record in records:
            event, at_s = record.event, record.at_s
            if isinstance(event, PointsMeasured) and event.iteration:
                written.setdefault(event.trial, []).append((event, at_s))
            else:
                self._events.append(record)
                self._moments.append(self._moment(record))
                self._times = None
            self._extend(at_s)
        for trial, writings in written.items():
            growth = self._growths.setdefault(trial, _Growth())
            growth.add(writings, before.trials.get(trial), self.whole.trials[trial])

    @property
    def events(self) -> Sequence[Record]:
        """All events but points, in the order they happened."""
        self._sort()
        return self._events

    def at(self, moment_s: float) -> StudyModel:
        """Return what was true at a time, as folding all events up to it gives.

        Moments that come one after the other cost what happened between them.
        """
        if self.end_s is None or moment_s >= self.end_s:
            return self.whole
        return self._with_points(self._fold_until(moment_s), moment_s)

    def _extend(self, at_s: Seconds) -> None:
        if self.start_s is None or at_s < self.start_s:
            self.start_s = at_s
        if self.end_s is None or at_s > self.end_s:
            self.end_s = at_s

    def _moment(self, record: Record) -> float:
        """Return when an event counts as written: between boots a clock may be set back."""
        stream = _stream_of(record.event)
        moment_s = max(record.at_s, self._newest.get(stream, record.at_s))
        self._newest[stream] = moment_s
        return moment_s

    def _sort(self) -> list[float]:
        if self._times is None:
            # Stable: of one stream, what was written first comes first.
            order = sorted(range(len(self._moments)), key=self._moments.__getitem__)
            self._events = [self._events[place] for place in order]
            self._moments = [self._moments[place] for place in order]
            self._times = self._moments
            self._snapshots = [(0, StudyModel())]
            self._next, self._model = self._snapshots[0]
        return self._times

    def _fold_until(self, moment_s: float) -> StudyModel:
        """Return the model after all events but points up to a moment."""
        end = bisect_right(self._sort(), moment_s)
        if end < self._next:
            known = (s for s in reversed(self._snapshots) if s[0] <= end)
            self._next, self._model = next(known)
        for record in self._events[self._next : end]:
            if isinstance(record.event, SCENES) and self._next > self._snapshots[-1][0]:
                self._snapshots.append((self._next, self._model))
            self._model = fold(self._model, record)
            self._next += 1
        return self._model

    def _with_points(self, model: StudyModel, moment_s: float) -> StudyModel:
        trials = dict(model.trials)
        newest_s = model.last_at_s
        for trial in self._growths:
            before = model.trials.get(trial)
            changed = self._trial_at(trial, before, moment_s)
            if changed is None:
                continue
            trials[trial] = changed
            if newest_s is None or (changed.last_at_s or 0.0) > newest_s:
                newest_s = changed.last_at_s
        ordered = trials if len(trials) == len(model.trials) else in_order(trials)
        return replace(model, trials=ordered, last_at_s=newest_s)

    def _trial_at(
        self, trial: TrialId, before: TrialModel | None, moment_s: float
    ) -> TrialModel | None:
        """Return a trial with its points up to a moment; None: it had none."""
        growth = self._growths[trial]
        writings = growth.writings_until(moment_s)
        if not writings:
            return None
        kept = self._shown.get(trial)
        if kept is not None and kept[0] is before and kept[1] == writings:
            return kept[2]
        whole = self.whole.trials[trial]
        series, times = growth.until(writings, whole)
        changed = replace(before or TrialModel(trial=trial), series=series, times=times)
        written_s = Seconds(growth.at_s[writings - 1])
        if changed.last_at_s is None or written_s > changed.last_at_s:
            changed = replace(changed, last_at_s=written_s)
        self._shown[trial] = before, writings, changed
        return changed


def _stream_of(event: Event) -> str:
    """Return a name for the file an event is written to, the same for all of one file."""
    match event:
        case TrialStarted() | TrialEnded():
            return f"{event.trial}/state"
        case (
            TaskDescribed()
            | PointsMeasured()
            | EpochEnded()
            | CheckpointSaved()
            | ProbeFailed()
            | TaskInspected()
            | TrialFinished()
        ):
            return f"{event.trial}/points"
        case GpusSampled():
            return "gpus"
        case _:
            return "journal"


_Writing = tuple[PointsMeasured, Seconds]
"""Points, at least one, and when they were written."""


class _Growth:
    """How long each series of one trial was after each writing of points."""

    def __init__(self) -> None:
        self.at_s = array("d")
        """When each writing was made, not decreasing: between boots a clock may be set back."""
        self._times = _Lengths()
        self._series: dict[str, _Lengths] = {}

    def add(
        self, writings: list[_Writing], before: TrialModel | None, after: TrialModel
    ) -> None:
        """Take some writings, and the trial before and after them."""
        newest_s = self.at_s[-1] if self.at_s else writings[0][1]
        first = len(self.at_s) + 1
        columns: dict[str, list[_Rows]] = {}
        for writing, (event, at_s) in enumerate(writings, first):
            newest_s = max(newest_s, at_s)
            self.at_s.append(newest_s)
            iterations = event.iteration
            for name, column in event.values.items():
                if len(column) == len(iterations):
                    columns.setdefault(name, []).append((writing, iterations))
        known = before.series if before is not None else {}
        for name, rows in columns.items():
            lengths = self._series.setdefault(name, _Lengths())
            lengths.grow(rows, known.get(name, EMPTY_SERIES), after.series[name])
        ends = [(first + i, e.iteration[-1:]) for i, (e, _) in enumerate(writings)]
        times = before.times if before is not None else EMPTY_SERIES
        self._times.grow(ends, times, after.times)

    def writings_until(self, moment_s: float) -> int:
        return bisect_right(self.at_s, moment_s)

    def until(
        self, writings: int, whole: TrialModel
    ) -> tuple[Mapping[str, Series], Series]:
        """Return the series that had begun, and the times, as long as they were."""
        if writings == len(self.at_s):
            return whole.series, whole.times
        series = {
            name: whole.series[name].first(length)
            for name, lengths in self._series.items()
            if (length := lengths.after(writings)) is not None
        }
        return series, whole.times.first(self._times.after(writings) or 0)


_Rows = tuple[int, list[int]]
"""Number of a writing, 1 for the first, and the iterations it brought to one series."""


class _Lengths:
    """How long one series was after each writing that brought it points."""

    def __init__(self) -> None:
        self._writings = array("q")
        self._lengths = array("q")

    def grow(self, written: list[_Rows], before: Series, after: Series) -> None:
        """Take what some writings brought, and the series before and after them."""
        counts = [len(iterations) for _, iterations in written]
        if len(after) - len(before) != sum(counts):
            counts = _count_kept(written, before.last_iteration)
        self._writings.extend(writing for writing, _ in written)
        self._lengths.extend(islice(accumulate(counts, initial=len(before)), 1, None))

    def after(self, writings: int) -> int | None:
        """Return the length after so many writings of the trial; None: not begun."""
        place = bisect_right(self._writings, writings)
        return self._lengths[place - 1] if place else None


def _count_kept(written: list[_Rows], newest: int | None) -> list[int]:
    """Return how many points of each writing a series kept: it drops those that go back.

    Args:
        written: What the writings brought.
        newest: The last iteration before them; None: there was none.
    """
    counts = []
    for _, iterations in written:
        start = iterations[0] if newest is None else newest
        reached = list(accumulate([start, *iterations], max))[1:]
        counts.append(sum(map(ge, iterations, reached)))
        newest = reached[-1]
    return counts
