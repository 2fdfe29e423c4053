"""A study as screens show it: model, findings and checklist as one value."""

from tuitrain.study.gpus import GpuView
from tuitrain.study.plans import PlanView
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
    "GpuView",
    "PlanView",
    "RatioState",
    "StepState",
    "StepView",
    "Study",
    "TrialView",
]
