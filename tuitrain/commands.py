"""Commands: what a person may ask of the supervisor, in the imperative.

Each is answered by `CommandAnswered` and, if accepted, by events in the journal.
"""

from typing import Any

import msgspec

from tuitrain.events import Step, TrialId, Verdict


class _Command(
    msgspec.Struct, frozen=True, kw_only=True, tag=True, forbid_unknown_fields=True
):
    """What all commands share."""


class RunStep(_Command, frozen=True, kw_only=True):
    """Run the current step: its trials, then its judgement."""


class GoToStep(_Command, frozen=True, kw_only=True):
    """Move to a step without running it; allowed where the table of transitions says."""

    step: Step


class RerunStep(_Command, frozen=True, kw_only=True):
    """Run the current step once more, as a new attempt."""


class OverrideVerdict(_Command, frozen=True, kw_only=True):
    """Overrule the current step's verdict."""

    verdict: Verdict
    note: str


class ApplyAdvice(_Command, frozen=True, kw_only=True):
    """Make the advice with this index in step 6's verdict the plan of the next round."""

    index: int


class AcceptBest(_Command, frozen=True, kw_only=True):
    """Accept a configuration: the best one, or that of `trial`."""

    trial: TrialId | None = None


class ChangeSettings(_Command, frozen=True, kw_only=True):
    """Change what the steps to come are made of; `study.toml` is rewritten."""

    settings: dict[str, Any]
    """What is to change, in the shape of `study.toml`: `{"find_lr": {"lrs": [0.1]}}`.

    All else stays as it is; None takes a setting back to its default."""


class StopTrial(_Command, frozen=True, kw_only=True):
    """Stop one trial, children and all."""

    trial: TrialId


class ResumeTrial(_Command, frozen=True, kw_only=True):
    """Carry on a trial that died or was stopped, from its newest checkpoint."""

    trial: TrialId


class StopStudy(_Command, frozen=True, kw_only=True):
    """Stop all trials and end the supervisor."""


class SetAuto(_Command, frozen=True, kw_only=True):
    """Run step after step without waiting for a person, or stop doing so."""

    on: bool
    until: Step | None = None
    """The last step to run; None: all."""


Command = (
    RunStep
    | GoToStep
    | RerunStep
    | OverrideVerdict
    | ApplyAdvice
    | AcceptBest
    | ChangeSettings
    | StopTrial
    | ResumeTrial
    | StopStudy
    | SetAuto
)
"""Everything a person may ask for."""
