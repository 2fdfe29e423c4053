"""The six steps: what each one runs, how it is judged, and what may follow."""

from tuitrain.checklist.answers import RefusedError, answer
from tuitrain.checklist.conduct import next_events, preview
from tuitrain.checklist.metric import Metric, best_value, find_metric
from tuitrain.checklist.plan import TrialPlan
from tuitrain.checklist.settings import (
    Settings,
    SettingsError,
    settings_from,
    settings_to,
)
from tuitrain.checklist.transitions import TRANSITIONS, Outcome, verdict_in_force

__all__ = [
    "TRANSITIONS",
    "Metric",
    "Outcome",
    "RefusedError",
    "Settings",
    "SettingsError",
    "TrialPlan",
    "answer",
    "best_value",
    "find_metric",
    "next_events",
    "preview",
    "settings_from",
    "settings_to",
    "verdict_in_force",
]
