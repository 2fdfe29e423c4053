"""The parts of a study as screens show them: one value a line, a row, a gauge."""

from enum import StrEnum

import msgspec

from tuitrain.events import Advice, Config, Evidence, Finding, Step, TrialId, Verdict
from tuitrain.model import TrialState
from tuitrain.units import Seconds


class StepState(StrEnum):
    """How far a step has come, for screens."""

    TODO = "todo"
    """Not reached in this round."""
    READY = "ready"
    """The study is at it; its plan is shown, `enter` runs it."""
    RUNNING = "running"
    JUDGED = "judged"


class StepView(msgspec.Struct, frozen=True, kw_only=True):
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
    evidence: Evidence = msgspec.field(default_factory=dict)
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


class TrialView(msgspec.Struct, frozen=True, kw_only=True):
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
    """Moves less than its own precision."""
    NO_GRADIENT = "no gradient"
    """Does not move at all, or is not measured though other layers are."""
    UNKNOWN = "unknown"


class GaugeView(msgspec.Struct, frozen=True, kw_only=True):
    """The update ratio of one tensor."""

    layer: str
    ratio: float | None
    trail: tuple[float, ...]
    """The newest readings, oldest first, at most 8."""
    state: RatioState
