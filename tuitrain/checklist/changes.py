"""Changing what a study is asked to do while it is under way."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tuitrain.checklist.refusal import RefusedError
from tuitrain.checklist.settings import (
    Settings,
    SettingsError,
    settings_from,
    settings_to,
)
from tuitrain.checklist.steps import STEPS
from tuitrain.checklist.transitions import verdict_in_force
from tuitrain.events import SettingsChanged
from tuitrain.model import StepRun, StudyModel

OF_THE_STUDY: Final = ("script", "function", "arguments")
"""What makes a study this one; another script's study has a folder of its own."""
OF_EVERY_STEP: Final = ("seed", "metric", "goal", "config")
"""What trials of one step must have in common to be compared."""


def change_settings(
    model: StudyModel, settings: Settings, changes: Mapping[str, Any]
) -> SettingsChanged:
    """Return what a change does to the journal.

    Args:
        model: The study as it stands.
        settings: In force.
        changes: As in `commands.ChangeSettings`.

    Raises:
        SettingsError: They can't be used: which key, what is wrong, what is allowed.
        RefusedError: They can be used, but not now; or they change nothing.
    """
    changed = with_changes(settings, changes)
    if changed == settings:
        raise RefusedError("nothing is changed by that")
    for name in OF_THE_STUDY:
        if getattr(changed, name) != getattr(settings, name):
            raise RefusedError(
                f"{name}: a study keeps its script; begin another study instead"
            )
    run = model.current
    if run is not None and _is_running(model, run):
        _refuse_for_running(model, run, settings, changed)
    return SettingsChanged(settings=settings_to(changed))


def with_changes(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """Return `settings` with some values replaced, section by section.

    Raises:
        SettingsError: The result can't be used; in one line.
    """
    data: dict[str, Any] = dict(settings_to(settings))
    for name, value in changes.items():
        _refuse_deep(name, value)
        before = data.get(name)
        if isinstance(value, Mapping):
            section = before if isinstance(before, Mapping) else {}
            data[name] = _without_none({**section, **value})
        else:
            data[name] = value
    return settings_from(_without_none(data))


def _refuse_deep(name: str, value: object) -> None:
    """Refuse what no setting looks like, before anything looks into its depths."""
    leaves = value.values() if isinstance(value, Mapping) else [value]
    for leaf in leaves:
        items = leaf if isinstance(leaf, list | tuple) else [leaf]
        if any(isinstance(item, Mapping | list | tuple) for item in items):
            raise SettingsError(f"{name}: is nested too deep for a setting")


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _is_running(model: StudyModel, run: StepRun) -> bool:
    return (
        model.ended is None
        and run.started_at_s is not None
        and verdict_in_force(run) is None
    )


def _refuse_for_running(
    model: StudyModel, run: StepRun, before: Settings, after: Settings
) -> None:
    """Refuse what would change the plan of the step that runs, or its judgement."""
    planner, _ = STEPS[run.step]
    concerned = [
        field.name
        for field in msgspec.structs.fields(Settings)
        if field.name in (run.step.value, *OF_EVERY_STEP)
        and getattr(before, field.name) != getattr(after, field.name)
    ]
    if concerned or planner(model, before, run) != planner(model, after, run):
        what = concerned[0] if concerned else "that"
        raise RefusedError(
            f"step {run.step.number} ({run.step.label}) is running by this plan: "
            f"{what} can be changed once it is judged, or its trials are stopped"
        )
