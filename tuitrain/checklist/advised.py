"""Advice of any step as new values in the study's plan."""

from collections.abc import Mapping
from typing import Any, Final

from tuitrain.checklist.settings import Settings
from tuitrain.events import Config, Scalar, Step

_LISTS: Final[dict[tuple[Step, str], str]] = {
    (Step.OVERFIT_SMALL, "lr"): "lrs",
    (Step.FIND_LR, "lr"): "lrs",
    (Step.COARSE_GRID, "weight_decay"): "weight_decays",
}
"""Where a value joins those that are tried already."""
_VALUES: Final[dict[tuple[Step, str], str]] = {
    (Step.OVERFIT_SMALL, "iterations"): "iterations",
    (Step.FIND_LR, "iterations"): "iterations",
    (Step.FIND_LR, "weight_decay"): "weight_decay",
    (Step.COARSE_GRID, "epochs"): "epochs",
    (Step.REFINE_GRID, "epochs"): "epochs",
}
"""Where a value takes the place of another."""
_CHOSEN: Final = ("lr", "weight_decay", "epochs", "iterations")
"""What steps choose; all other names are fixed values of the configuration."""


def plan_advice(
    settings: Settings, step: Step, change: Config, picked_lr: float | None
) -> Mapping[str, Any] | None:
    """Return the changes of settings by which a step tries what an advice says.

    Args:
        settings: In force.
        step: The one that was judged.
        change: Of the advice.
        picked_lr: What step 3 picked; None: it has not.

    Returns:
        As `commands.ChangeSettings` takes them; None: this step has no place for it, or
        tries it already.
    """
    section: dict[str, Any] = {}
    config: Config = {}
    for name, value in change.items():
        found = _find(settings, step, name, value, picked_lr)
        if found is not None:
            section.update(found)
        elif name not in _CHOSEN and settings.config.get(name) != value:
            config[name] = value
    changes: dict[str, Any] = {step.value: section} if section else {}
    if config:
        changes["config"] = {**settings.config, **config}
    return changes or None


def _find(
    settings: Settings, step: Step, name: str, value: Scalar, picked_lr: float | None
) -> dict[str, Any] | None:
    if isinstance(value, bool | str):
        return None
    section = getattr(settings, step.value, None)
    if (step, name) in _VALUES:
        key = _VALUES[step, name]
        return None if getattr(section, key) == value else {key: value}
    if (step, name) == (Step.COARSE_GRID, "lr") and picked_lr:
        name, value = "factor", float(f"{value / picked_lr:.3g}")
        key = "lr_factors"
    elif (step, name) in _LISTS:
        key = _LISTS[step, name]
    else:
        return None
    tried = list(getattr(section, key))
    is_tried = any(abs(value - each) <= 0.01 * abs(each) for each in tried)
    return None if is_tried else {key: sorted([*tried, value], reverse=True)}
