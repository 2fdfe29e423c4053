"""A study as screens show it: model, findings and checklist as one value."""

from tuitrain.study.study import Study
from tuitrain.study.views import (
    GaugeView,
    RatioState,
    StepState,
    StepView,
    TrialView,
)

__all__ = [
    "GaugeView",
    "RatioState",
    "StepState",
    "StepView",
    "Study",
    "TrialView",
]
