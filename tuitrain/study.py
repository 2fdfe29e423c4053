"""A study as screens show it: model, findings and checklist as one value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tuitrain.events import Advice, Config, Evidence, Finding, Step, TrialId, Verdict
from tuitrain.model import StudyModel, TrialState
from tuitrain.units import Seconds


class StepState(StrEnum):
    """How far a step has come, for screens."""

    TODO = "todo"
    """Not reached in this round."""
    READY = "ready"
    """The study is at it; its plan is shown, `enter` runs it."""
    RUNNING = "running"
    JUDGED = "judged"


@dataclass(frozen=True, kw_only=True)
class StepView:
    """One line of the checklist."""

    step: Step
    state: StepState
    is_current: bool
    round: int
    attempt: int
    verdict: Verdict | None = None
    """The verdict in force, an override included; None: not judged."""
    is_overridden: bool = False
    note: str = ""
    """Of the override."""
    summary: str = ""
    """The evidence in one short line: `2.31 (ln 10 = 2.303)`."""
    evidence: Evidence = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    advice: tuple[Advice, ...] = ()
    best_trial: TrialId | None = None
    done: int = 0
    """Trials over."""
    total: int = 0
    """Trials planned so far."""
    progress: float | None = None
    """0..1 over the step's iterations; None: not running."""
    elapsed_s: Seconds | None = None
    left_s: Seconds | None = None
    """Expected time left; None: not known yet."""


@dataclass(frozen=True, kw_only=True)
class TrialView:
    """One row of the trials table."""

    trial: TrialId
    step: Step | None
    round: int
    state: TrialState
    config: Config
    varied: str
    """The configuration in short, what varies within the step first: `lr=1e-2 wd=1e-4`."""
    epoch: int
    epochs: int | None
    """Epochs planned; None: limited by iterations."""
    iteration: int
    iterations: int | None
    """Iterations planned; None: not known yet."""
    loss: float | None
    """Newest training loss, may be NaN."""
    accuracy: float | None
    val_loss: float | None
    val_accuracy: float | None
    best_metric: float | None
    """Best value so far of the metric that ranks trials; None: not measured."""
    ratio: float | None
    """Median over layers of the newest update ratio; None: not measured."""
    progress: float | None
    elapsed_s: Seconds | None
    left_s: Seconds | None
    reason: str
    """Why it ended, one line; empty: as planned or still running."""


class RatioState(StrEnum):
    """An update ratio in words."""

    LOW = "low"
    FINE = "fine"
    HIGH = "high"
    DEAD = "dead"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class GaugeView:
    """The update ratio of one tensor."""

    layer: str
    ratio: float | None
    trail: tuple[float, ...]
    """The newest readings, oldest first, at most 8."""
    state: RatioState


@dataclass(frozen=True)
class Study:
    """All that a screen or a printer may show; derived from the model, nothing stored."""

    model: StudyModel

    @property
    def state(self) -> str:
        """`new`, `ready`, `running`, or the state of `StudyEnded`."""
        raise NotImplementedError

    @property
    def steps(self) -> tuple[StepView, ...]:
        """The six steps of the current round, in order."""
        raise NotImplementedError

    @property
    def current(self) -> StepView | None:
        """The step the study is at; None: not begun, or a log without a journal."""
        raise NotImplementedError

    @property
    def trials(self) -> tuple[TrialView, ...]:
        """Every trial, in the order of their ids."""
        raise NotImplementedError

    def trials_of_current(self) -> tuple[TrialView, ...]:
        """The trials of the current step; for learning curves those of refine grid."""
        raise NotImplementedError

    def metric(self) -> tuple[str, bool]:
        """Name of the metric that ranks trials, and whether higher is better."""
        raise NotImplementedError

    def gauges(self, trial: TrialId) -> tuple[GaugeView, ...]:
        """One gauge a layer, worst first: the farthest from 1e-3 on the log scale."""
        raise NotImplementedError

    def findings(self, trial: TrialId) -> tuple[Finding, ...]:
        """What the rules see in one trial's whole trajectory, most severe first."""
        raise NotImplementedError

    def metrics(self, trial: TrialId) -> Mapping[str, float | None]:
        """Newest and best values for the JSON document: `loss`, `val_accuracy`, ….

        Keys: the newest finite-or-not value of each series that is not a probe, and
        `best_<metric>` for the metric that ranks.
        """
        raise NotImplementedError
