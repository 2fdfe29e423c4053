"""The six steps: what each one runs, how it is judged, and what may follow."""

from tuitrain.checklist.settings import (
    Settings,
    SettingsError,
    settings_from,
    settings_to,
)

__all__ = ["Settings", "SettingsError", "settings_from", "settings_to"]
