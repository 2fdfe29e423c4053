"""A study as it stands."""

from collections.abc import Mapping
from typing import Any

import msgspec

from tuitrain.events import (
    AdviceApplied,
    AutoSet,
    BestAccepted,
    GpusSampled,
    PerGpuLowered,
    Step,
    StudyEnded,
    SupervisorStarted,
    TrialId,
    VerdictOverridden,
    VerdictReached,
)
from tuitrain.model.gpu_history import GpuHistory
from tuitrain.model.trial_model import TrialModel
from tuitrain.units import Seconds


class StepRun(msgspec.Struct, frozen=True, kw_only=True):
    """One run of one step: entered, started, judged, perhaps overruled."""

    step: Step
    round: int
    attempt: int
    entered_at_s: Seconds
    started_at_s: Seconds | None = None
    """None: its plan is shown, nothing runs yet."""
    reached: VerdictReached | None = None
    reached_at_s: Seconds | None = None
    overridden: VerdictOverridden | None = None


class StudyModel(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one study; made by `fold` only."""

    name: str = ""
    script: str = ""
    settings: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """Content of study.toml in force."""
    opened_at_s: Seconds | None = None
    trials: Mapping[TrialId, TrialModel] = msgspec.field(default_factory=dict)
    """In the order of their ids."""
    runs: tuple[StepRun, ...] = ()
    """Every run of a step, in the order they were last entered; the last is current."""
    applied: tuple[AdviceApplied, ...] = ()
    lowered: tuple[PerGpuLowered, ...] = ()
    """Every time that trials sharing a GPU ran out of its memory."""
    auto: AutoSet | None = None
    """None: each step waits for a person."""
    best: BestAccepted | None = None
    ended: StudyEnded | None = None
    """None: something runs or may be run."""
    supervisor: SupervisorStarted | None = None
    gpus: GpusSampled | None = None
    gpus_at_s: Seconds | None = None
    """When `gpus` was read."""
    gpu_history: Mapping[str, GpuHistory] = msgspec.field(default_factory=dict)
    """Of every GPU seen so far, by UUID."""
    last_at_s: Seconds | None = None
    """Time of the newest event folded."""
    ahead_s: Seconds = Seconds(0.0)
    """By how much the wall clock was ahead of the times here, when the journal was last
    written: it was set since the study's first event in that boot."""

    @property
    def last_wall_s(self) -> Seconds | None:
        """Wall time of the newest event, to be compared with now; None: there is none."""
        return (
            None if self.last_at_s is None else Seconds(self.last_at_s + self.ahead_s)
        )

    @property
    def current(self) -> StepRun | None:
        """The run of the step the study is at; None: not begun."""
        return self.runs[-1] if self.runs else None

    @property
    def round(self) -> int:
        """The newest round, 1 for the first; going back to a step does not end it."""
        return max((run.round for run in self.runs), default=1)

    def latest(self, step: Step) -> StepRun | None:
        """Return the newest run of `step`; None: never entered."""
        return next((run for run in reversed(self.runs) if run.step is step), None)

    def trials_of(self, run: StepRun) -> list[TrialModel]:
        """Return the trials of one run of a step, in the order they were queued."""
        key = (run.step, run.round, run.attempt)
        return [t for t in self.trials.values() if (t.step, t.round, t.attempt) == key]
