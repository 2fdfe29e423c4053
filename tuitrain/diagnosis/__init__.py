"""What the numbers mean: one rule a file."""

from tuitrain.diagnosis.divergence import find_divergence
from tuitrain.diagnosis.examine import examine
from tuitrain.diagnosis.expected_loss import (
    ExpectedLoss,
    chance_loss,
    expected_initial_loss,
    implied_spread,
)
from tuitrain.diagnosis.findings import rounded
from tuitrain.diagnosis.initial_loss import (
    InitialLoss,
    compare,
    find_initial_loss_mismatch,
    measure_initial_loss,
)
from tuitrain.diagnosis.loss_not_decreasing import (
    find_loss_not_decreasing,
    has_dropped,
)
from tuitrain.diagnosis.non_finite import find_non_finite
from tuitrain.diagnosis.numerics import drop, finite
from tuitrain.diagnosis.overfit_small import FitFailure, classify_fit_failure

__all__ = [
    "ExpectedLoss",
    "FitFailure",
    "InitialLoss",
    "chance_loss",
    "classify_fit_failure",
    "compare",
    "drop",
    "examine",
    "expected_initial_loss",
    "find_divergence",
    "find_initial_loss_mismatch",
    "find_loss_not_decreasing",
    "find_non_finite",
    "finite",
    "has_dropped",
    "implied_spread",
    "measure_initial_loss",
    "rounded",
]
