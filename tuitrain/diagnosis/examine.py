"""All rules on one trial, and which finding follows from which."""

from tuitrain.diagnosis.divergence import find_divergence
from tuitrain.diagnosis.loss_not_decreasing import find_loss_not_decreasing
from tuitrain.diagnosis.non_finite import find_non_finite
from tuitrain.events import Finding, TrialId
from tuitrain.model import StudyModel, whole_series


def examine(model: StudyModel, trial: TrialId) -> tuple[Finding, ...]:
    """Return what the rules see in the trial's whole trajectory, most severe first."""
    loss = whole_series(model, trial, "loss")
    found = [
        find_non_finite(loss, None),
        find_divergence(loss.values, None),
        find_loss_not_decreasing(loss.values),
    ]
    return tuple(finding for finding in found if finding is not None)
