"""All faults that can be put into a run, and the kinds of finding that name each."""

from tests.benchmarks.diagnosis import (
    faults_data,
    faults_loss,
    faults_model,
    faults_training,
)
from tests.benchmarks.diagnosis.injecting import Fault, Strength

FAULTS: dict[str, Fault] = {
    fault.name: fault
    for module in (faults_training, faults_model, faults_loss, faults_data)
    for fault in module.FAULTS
}
"""Every fault by its name."""

__all__ = ["FAULTS", "Fault", "Strength"]
