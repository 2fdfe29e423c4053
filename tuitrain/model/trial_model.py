"""One trial as it stands."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from tuitrain.events import (
    CheckpointSaved,
    Config,
    Inspection,
    OutcomeKind,
    ProbeFailed,
    Step,
    TaskDescribed,
    TrialEnded,
    TrialFinished,
    TrialId,
    TrialLimits,
    TrialStarted,
)
from tuitrain.model.series import EMPTY_SERIES, Series
from tuitrain.units import Seconds

_SIGKILL = 9
_SIGNAL_NAMES = {
    4: "SIGILL",
    6: "SIGABRT",
    7: "SIGBUS",
    8: "SIGFPE",
    9: "SIGKILL",
    11: "SIGSEGV",
    15: "SIGTERM",
}
"""Linux's numbers: a log may be read on another system."""


class TrialState(StrEnum):
    """Where a trial is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    """Ended as planned, or stopped itself: fitted, or the loss was not finite."""
    FAILED = "failed"
    """The script raised, was rejected, or its process died."""
    STOPPED = "stopped"
    """A person stopped it."""
    LOST = "lost"
    """It is gone, and nobody saw how."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self not in (TrialState.QUEUED, TrialState.RUNNING)


class TrialModel(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one trial; made by `fold` only."""

    trial: TrialId
    step: Step | None = None
    """None: a trial folder on its own, no journal read."""
    round: int = 1
    attempt: int = 1
    config: Config = msgspec.field(default_factory=dict)
    limits: TrialLimits = msgspec.field(default_factory=TrialLimits)
    seed: int = 0
    resumes: TrialId | None = None
    replaces: TrialId | None = None
    """The dead trial whose place this one takes; None: nobody's."""
    started: TrialStarted | None = None
    started_at_s: Seconds | None = None
    ended: TrialEnded | None = None
    ended_at_s: Seconds | None = None
    finished: TrialFinished | None = None
    finished_at_s: Seconds | None = None
    lost_reason: str | None = None
    stop_reason: str | None = None
    task: TaskDescribed | None = None
    inspection: Inspection | None = None
    """What the newest look inside the process found; None: there was none."""
    series: Mapping[str, Series] = msgspec.field(default_factory=dict)
    times: Series = EMPTY_SERIES
    """Time in seconds at which the points up to an iteration were written: one
    point for each event that brought some; never decreasing."""
    epoch: int = 0
    """Epochs complete, those of the resumed trial included."""
    epoch_iterations: tuple[int, ...] = ()
    """Iteration at which each epoch of this trial was complete."""
    checkpoint: CheckpointSaved | None = None
    """The newest one, to carry on from."""
    best_checkpoint: CheckpointSaved | None = None
    """That of the best epoch of this trial; None: it has none of its own."""
    failed_probes: tuple[ProbeFailed, ...] = ()
    last_at_s: Seconds | None = None
    """Time of the newest event of this trial."""

    @property
    def state(self) -> TrialState:
        """Where the trial is in its life."""
        if self.lost_reason is not None:
            return TrialState.LOST
        if self.ended is None and not self._is_own_witness:
            return TrialState.RUNNING if self.has_begun else TrialState.QUEUED
        if self.finished is None:
            return (
                TrialState.STOPPED
                if self.stop_reason is not None
                else TrialState.FAILED
            )
        match self.finished.outcome:
            case OutcomeKind.RAISED | OutcomeKind.REJECTED:
                return TrialState.FAILED
            case OutcomeKind.STOPPED:
                return TrialState.STOPPED
            case _:
                return TrialState.FINISHED

    @property
    def has_begun(self) -> bool:
        """Whether its process was seen to start, or by hand, to measure something."""
        return self.started is not None or (self.step is None and bool(self.series))

    @property
    def _is_own_witness(self) -> bool:
        """Started by hand, without a shim: its own last word is all that will come."""
        return self.step is None and self.started is None and self.finished is not None

    @property
    def points(self) -> int:
        """Number of points measured, all series together."""
        return sum(len(series) for series in self.series.values())

    @property
    def iteration(self) -> int:
        """The newest iteration any series knows; 0: none made."""
        return max((s.last_iteration or 0 for s in self.series.values()), default=0)

    @property
    def elapsed_s(self) -> Seconds | None:
        """From its start to its end or its newest event; None: not started."""
        end_s = self.ended_at_s if self.ended_at_s is not None else self.last_at_s
        if self.started_at_s is None or end_s is None:
            return None
        return Seconds(max(0.0, end_s - self.started_at_s))

    def get(self, name: str) -> Series:
        """Return the series called `name`, empty if it was never measured."""
        return self.series.get(name, EMPTY_SERIES)

    @property
    def reason(self) -> str:
        """Why it ended, in one line; empty: it has not, or as planned."""
        if self.lost_reason is not None:
            return self.lost_reason
        if self.finished is not None and self.finished.message:
            return self.finished.message
        if self.stop_reason is not None:
            return self.stop_reason
        if self.ended is None or self.finished is not None:
            return ""
        if self.ended.signal is None and self.ended.exit_code is None:
            return f"ended {self.ended_how}"
        if self.ended.signal is None:
            return f"ended {self.ended_how} and no last word; see its log"
        if self.is_likely_out_of_memory:
            return f"likely out of memory: killed {self.ended_how} as memory ran out"
        return f"killed {self.ended_how}"

    @property
    def is_likely_out_of_memory(self) -> bool:
        """Whether it was killed just as the kernel ended processes for want of memory."""
        ended = self.ended
        return ended is not None and ended.signal == _SIGKILL and ended.oom_kills > 0

    @property
    def ended_how(self) -> str:
        """How its process ended, in a few words; empty: it has not."""
        if self.ended is None:
            return ""
        number, status = self.ended.signal, self.ended.exit_code
        if number is not None:
            name = _SIGNAL_NAMES.get(number)
            return f"by signal {number} ({name})" if name else f"by signal {number}"
        if status is None:
            return "in an unknown way: its shim, which would know, was killed"
        return f"with exit status {status}"
