"""The six steps: what each one runs, how it is judged, and what may follow."""

from tuitrain.checklist.answers import answer
from tuitrain.checklist.carrying_on import has_died, why_not_carried_on
from tuitrain.checklist.changes import with_changes
from tuitrain.checklist.conduct import next_events, preview
from tuitrain.checklist.metric import Metric, best_value, find_metric
from tuitrain.checklist.plan import TrialPlan
from tuitrain.checklist.refusal import RefusedError
from tuitrain.checklist.settings import (
    Settings,
    SettingsError,
    settings_from,
    settings_to,
)
from tuitrain.checklist.settings_text import edit_settings, format_settings
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
    "edit_settings",
    "find_metric",
    "format_settings",
    "has_died",
    "next_events",
    "preview",
    "settings_from",
    "settings_to",
    "verdict_in_force",
    "why_not_carried_on",
    "with_changes",
]
