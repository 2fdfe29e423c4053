"""The events themselves: one frozen struct each, one union for `match`."""

from typing import Any

import msgspec

from tuitrain.events.columns import Values
from tuitrain.events.findings import Advice, Evidence, Finding
from tuitrain.events.inspection import Inspection
from tuitrain.events.words import (
    Config,
    Iteration,
    LossFacts,
    OutcomeKind,
    OutOfMemory,
    Step,
    TrialId,
    TrialLimits,
    Verdict,
)


class _Happened(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True
):
    """What all events share: frozen, keyword-only, tagged with their class name."""


class LogOpened(_Happened, frozen=True, kw_only=True):
    """The first line of every log file: which format, and whose log it is."""

    format: str
    """`tuitrain-log/1`: the name and version of the line format."""
    stream: str
    """`journal`, `gpus`, `0007/points` or `0007/state`."""
    tuitrain: str
    """Version of the program that wrote it."""


# --- journal.jsonl, written by the supervisor ---------------------------------------


class StudyOpened(_Happened, frozen=True, kw_only=True):
    """A study came to be; the first event of a journal."""

    name: str
    script: str
    """Path of the training script as given, for people."""
    settings: dict[str, Any]
    """Content of `study.toml` at the start, as plain values."""


class SupervisorStarted(_Happened, frozen=True, kw_only=True):
    """A supervisor took charge of the study."""

    pid: int
    slots: int
    """Trials that may run at once."""
    devices: list[str] = []
    """UUIDs of the GPUs in use; empty: the CPU."""


class SupervisorStopped(_Happened, frozen=True, kw_only=True):
    """The supervisor ended of its own will."""

    reason: str


class SettingsChanged(_Happened, frozen=True, kw_only=True):
    """`study.toml` was edited; what follows goes by the new content."""

    settings: dict[str, Any]


class AutoSet(_Happened, frozen=True, kw_only=True):
    """From here on step follows step by itself, or no longer does."""

    on: bool
    until: Step | None = None
    """The last step to run by itself; None: all."""


class StepEntered(_Happened, frozen=True, kw_only=True):
    """The study moved to a step (forward, back, or again); nothing is set going by it.

    Entering a run that is known already goes back to it, with its trials and verdict.
    """

    step: Step
    round: int
    """1 for the first pass; one more each time an advice of step 6 is applied."""
    attempt: int
    """1 for the first run of this step in this round; one more for each re-run."""


class StepStarted(_Happened, frozen=True, kw_only=True):
    """The trials of the current step were set going."""

    step: Step
    round: int
    attempt: int


class TrialQueued(_Happened, frozen=True, kw_only=True):
    """A trial was decided on; it runs as soon as a slot is free."""

    trial: TrialId
    step: Step
    round: int
    attempt: int
    config: Config
    limits: TrialLimits
    seed: int
    resumes: TrialId | None = None
    """The trial whose checkpoint this one carries on from; None: starts anew."""
    replaces: TrialId | None = None
    """The trial of the same run of the step that died or was stopped and whose place this
    one takes; None: nobody's."""


class TrialStopRequested(_Happened, frozen=True, kw_only=True):
    """Someone asked for a trial to be stopped."""

    trial: TrialId
    reason: str


class TrialLost(_Happened, frozen=True, kw_only=True):
    """A trial is no longer there and left no record of its end."""

    trial: TrialId
    reason: str


class PerGpuLowered(_Happened, frozen=True, kw_only=True):
    """Trials that shared a GPU ran out of its memory: fewer share one from here on."""

    trial: TrialId
    """The one that ran out."""
    device: str
    """UUID of the GPU."""
    sharing: int
    """Trials that were on it, that one included."""
    per_gpu: int
    """Trials on each GPU from here on; `study.toml` says so too."""


class VerdictReached(_Happened, frozen=True, kw_only=True):
    """A step was judged."""

    step: Step
    round: int
    attempt: int
    verdict: Verdict
    summary: str
    evidence: Evidence = {}
    findings: tuple[Finding, ...] = ()
    advice: tuple[Advice, ...] = ()
    """What may be done now, best first; those with a `change` can be applied by key."""
    decision: Config = {}
    """What the step settled for those after it: `{"lr": 0.01}`; empty: nothing."""
    best_trial: TrialId | None = None
    """The best trial of the step; None: there is none."""


class VerdictOverridden(_Happened, frozen=True, kw_only=True):
    """A person overruled a verdict."""

    step: Step
    round: int
    attempt: int
    verdict: Verdict
    note: str
    """Why, in the person's words."""


class AdviceApplied(_Happened, frozen=True, kw_only=True):
    """A person (or `--auto`) turned an advice of step 6 into the next round's plan."""

    round: int
    """The round that begins."""
    base: TrialId
    """The trial whose configuration is changed."""
    advice: Advice


class BestAccepted(_Happened, frozen=True, kw_only=True):
    """A configuration was accepted; `best.json` says the same."""

    trial: TrialId
    config: Config
    metrics: dict[str, float | None]
    checkpoint: str | None
    """Path below the study folder; None: the trial saved none."""


class StudyEnded(_Happened, frozen=True, kw_only=True):
    """Nothing more will run until a person asks for it."""

    state: str
    """`finished` (best accepted), `failed` (a step failed), `stopped` (by a person),
    `rejected` (the script can't be used), `reached` (`--until` was reached)."""
    message: str = ""
    """For `rejected`: what, where and what to do."""


# --- trials/NNNN/state.jsonl, written by the shim ------------------------------------


class TrialStarted(_Happened, frozen=True, kw_only=True):
    """A training process began to run."""

    trial: TrialId
    pid: int
    start_ticks: int
    """Start time of the process in clock ticks since boot; with `pid` and `boot_id`
    it names the process for good."""
    boot_id: str
    shim_pid: int
    shim_start_ticks: int
    device: str
    """`cpu`, or the UUID of a GPU."""
    threads: int
    how: str
    """`warm` (forked) or `cold` (fresh interpreter)."""


class TrialEnded(_Happened, frozen=True, kw_only=True):
    """A training process ended; its exit status was collected."""

    trial: TrialId
    exit_code: int | None = None
    """None when a signal ended it."""
    signal: int | None = None
    """None when it ended by itself."""
    oom_kills: int = 0
    """Processes that the kernel ended for want of memory in the seconds before: in the
    trial's control group, or on the machine where that has no counter of its own."""


# --- trials/NNNN/points.jsonl, written by the training process ------------------------


class TaskDescribed(_Happened, frozen=True, kw_only=True):
    """What the training process found: model, data, loss."""

    trial: TrialId
    loss: LossFacts
    parameters: int
    """Trainable parameters."""
    layers: list[str]
    """Names of the tensors whose update ratio is measured, in the model's order."""
    train_samples: int | None = None
    val_samples: int | None = None
    batch_size: int | None = None
    iterations_per_epoch: int | None = None
    metrics: list[str] = []
    """Names measured on training and validation data, `["loss", "accuracy"]`."""
    regularization_off: list[str] = []
    """What tuitrain switched off: `Dropout 0.1 in net.3`, `label smoothing 0.1`."""
    config: Config = {}
    """The configuration in force; says what a trial without a journal was run with."""
    config_read: list[str] = []
    """Names the script asked the configuration for."""
    device: str = "cpu"
    device_name: str = ""
    torch: str = ""


class PointsMeasured(_Happened, frozen=True, kw_only=True):
    """A batch of points: several series over the same iterations."""

    trial: TrialId
    iteration: list[Iteration]
    values: dict[str, Values]
    """Series name to column, each as long as `iteration`. Names: `loss`, `accuracy`,
    `val_loss`, `val_accuracy`, `lr`, `grad_norm`, `samples_per_s`,
    `update_ratio/<tensor>`, and the script's own."""


class EpochEnded(_Happened, frozen=True, kw_only=True):
    """One pass over the training data is complete, validation included."""

    trial: TrialId
    epoch: int
    """1 for the first."""
    iteration: Iteration
    """Iterations made so far in all."""


class CheckpointSaved(_Happened, frozen=True, kw_only=True):
    """The state of a trial was written to disk."""

    trial: TrialId
    iteration: Iteration
    epoch: int
    path: str
    """Below the trial's folder."""
    is_best: bool = False
    """True: kept as the best epoch so far; False: the newest, to carry on from."""


class ProbeFailed(_Happened, frozen=True, kw_only=True):
    """A measurement failed and switched itself off; training goes on."""

    trial: TrialId
    probe: str
    error: str


class TaskInspected(_Happened, frozen=True, kw_only=True):
    """The training process looked at its model, data and gradients once more."""

    trial: TrialId
    found: Inspection
    """All that is known by now; the newest one counts."""


class TrialFinished(_Happened, frozen=True, kw_only=True):
    """The training process's own last word; missing when it was killed."""

    trial: TrialId
    outcome: OutcomeKind
    iteration: Iteration
    message: str = ""
    """One line: the exception, or what is wrong and what to do."""
    traceback: str = ""
    out_of_memory: OutOfMemory | None = None
    """Of a script that raised since a GPU's memory did not suffice; None: it did."""


# --- gpus.jsonl, written by the GPU sampler -------------------------------------------


class GpuProcess(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A process that holds memory of a GPU, as the driver tells it."""

    pid: int
    """In a container, a driver may tell the number it has on the host instead."""
    memory_used_bytes: int | None = None
    """None: the driver does not tell."""
    parents: list[int] = []
    """The processes above it, nearest first; empty: not to be seen from here."""


class GpuReading(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One reading of one GPU; None: the driver does not tell."""

    uuid: str
    name: str
    used_ratio: float | None = None
    """0..1: share of the last sample period in which a kernel ran."""
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    temp_c: float | None = None
    power_w: float | None = None
    processes: list[GpuProcess] | None = None
    """Whose memory it is, in the order of their pids; None: the driver does not tell."""


class GpusSampled(_Happened, frozen=True, kw_only=True):
    """All GPUs were read once."""

    gpus: list[GpuReading] = []
    error: str = ""
    """Why there is no reading: no driver, no GPU; empty: all is well."""


Event = (
    LogOpened
    | StudyOpened
    | SupervisorStarted
    | SupervisorStopped
    | SettingsChanged
    | AutoSet
    | StepEntered
    | StepStarted
    | TrialQueued
    | TrialStopRequested
    | TrialLost
    | PerGpuLowered
    | VerdictReached
    | VerdictOverridden
    | AdviceApplied
    | BestAccepted
    | StudyEnded
    | TrialStarted
    | TrialEnded
    | TaskDescribed
    | PointsMeasured
    | EpochEnded
    | CheckpointSaved
    | ProbeFailed
    | TaskInspected
    | TrialFinished
    | GpusSampled
)
"""Everything that can happen in a study."""
