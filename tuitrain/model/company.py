"""Which trials were together: on one device, and in one place of a plan."""

from tuitrain.events import TrialId
from tuitrain.model.study_model import StudyModel
from tuitrain.model.trial_model import TrialModel


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
        and other.started_at_s is not None
        and other.started_at_s <= said_s
        and (other.ended_at_s is None or other.ended_at_s >= said_s)
    )


def successor(model: StudyModel, trial: TrialId) -> TrialModel | None:
    """Return the trial that took the place of `trial`; None: none did."""
    return next((t for t in model.trials.values() if t.replaces == trial), None)
