"""What the numbers mean: one rule a file."""

from tuitrain.diagnosis.arbitration import CAUSES, PROBES, arrange
from tuitrain.diagnosis.curves import RATIO_PREFIX, Curves, read_curves
from tuitrain.diagnosis.examine import examine, look_inside
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
    find_non_finite_initial_loss,
    measure_initial_loss,
)
from tuitrain.diagnosis.numerics import Numbers, drop, finite
from tuitrain.diagnosis.overfit_small import FitFailure, classify_fit_failure
from tuitrain.diagnosis.rules.divergence import find_divergence
from tuitrain.diagnosis.rules.labels_carry_no_signal import find_labels_without_signal
from tuitrain.diagnosis.rules.loss_not_decreasing import (
    find_loss_not_decreasing,
    has_dropped,
)
from tuitrain.diagnosis.rules.lr_not_in_force import (
    find_lr_ignored,
    find_lr_not_in_force,
)
from tuitrain.diagnosis.rules.non_finite import find_non_finite
from tuitrain.diagnosis.rules.out_of_memory import find_out_of_memory
from tuitrain.diagnosis.rules.symmetric_initialization import (
    find_symmetric_initialization,
)

__all__ = [
    "CAUSES",
    "PROBES",
    "RATIO_PREFIX",
    "Curves",
    "ExpectedLoss",
    "FitFailure",
    "InitialLoss",
    "Numbers",
    "arrange",
    "chance_loss",
    "classify_fit_failure",
    "compare",
    "drop",
    "examine",
    "expected_initial_loss",
    "find_divergence",
    "find_initial_loss_mismatch",
    "find_labels_without_signal",
    "find_loss_not_decreasing",
    "find_lr_ignored",
    "find_lr_not_in_force",
    "find_non_finite",
    "find_non_finite_initial_loss",
    "find_out_of_memory",
    "find_symmetric_initialization",
    "finite",
    "has_dropped",
    "implied_spread",
    "look_inside",
    "measure_initial_loss",
    "read_curves",
    "rounded",
]
