"""Which trials were together: on one device, and in one place of a plan."""

from tuitrain.events import TrialId
from tuitrain.model.study_model import StudyModel
from tuitrain.model.trial_model import TrialModel
from tuitrain.units import Seconds


def sharing(model: StudyModel, trial: TrialModel) -> tuple[TrialId, ...]:
    """Return the trials on the device of `trial` at its last word, itself included.

    Empty: it never started, or said no last word.
    """
    said_s = trial.finished_at_s
    if trial.started is None or said_s is None:
        return ()
    return tuple(
        other.trial
        for other in model.trials.values()
        if other.started is not None
        and other.started.device == trial.started.device
        and _ran_at(other, said_s)
    )


def together(model: StudyModel, trial: TrialModel) -> tuple[TrialId, ...]:
    """Return the trials that ran on the machine when `trial` ended, itself included.

    Empty: it never ran, or is not known to have ended.
    """
    ended_s = trial.ended_at_s
    if trial.started is None or ended_s is None:
        return ()
    return tuple(t.trial for t in model.trials.values() if _ran_at(t, ended_s))


def _ran_at(trial: TrialModel, at_s: Seconds) -> bool:
    return (
        trial.started_at_s is not None
        and trial.started_at_s <= at_s
        and (trial.ended_at_s is None or trial.ended_at_s >= at_s)
    )


def successor(model: StudyModel, trial: TrialId) -> TrialModel | None:
    """Return the trial that took the place of `trial`; None: none did."""
    return next((t for t in model.trials.values() if t.replaces == trial), None)
