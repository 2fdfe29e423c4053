"""What a step is about to run, and what a configuration says, in a sentence."""

from collections.abc import Sequence

from tuitrain.checklist import SettingsError, TrialPlan, preview, settings_from
from tuitrain.events import Config, Step
from tuitrain.study import Study
from tuitrain.tui.lines import plain
from tuitrain.units import format_power

_MOST_VALUES = 8
_RATES = ("lr", "weight_decay")


def describe_plan(study: Study, step: Step) -> str:
    """Return what `step` would run now: `4 trials: lr 1e-1 … , 100 iterations each`.

    Empty where nothing is known: no settings in the log, or a step without trials.
    """
    try:
        plans = preview(study.model, settings_from(study.model.settings), step)
    except SettingsError:
        return ""
    if not plans:
        return ""
    parts = [f"{len(plans)} trial{'s' * (len(plans) > 1)}"]
    for name, short in (("lr", "lr"), ("weight_decay", "weight decay")):
        values = sorted({_number(plan, name) for plan in plans}, reverse=True)
        parts.append(f"{short} {_list(values)}")
    parts += _limits(plans[0])
    resumed = sum(plan.resumes is not None for plan in plans)
    if resumed:
        parts.append(f"{resumed} carry on from a checkpoint")
    return " · ".join(parts)


def config_in_short(config: Config) -> str:
    """Return a configuration in a few words: `lr=5.6e-3 weight_decay=1e-4`."""
    parts = []
    for name, value in config.items():
        is_rate = name in _RATES and isinstance(value, int | float)
        parts.append(f"{name}={format_power(float(value)) if is_rate else value}")
    return plain(" ".join(parts))


def _number(plan: TrialPlan, name: str) -> float:
    value = plan.config.get(name, 0.0)
    return float(value) if isinstance(value, int | float) else 0.0


def _list(values: Sequence[float]) -> str:
    shown = " ".join(format_power(value) for value in values[:_MOST_VALUES])
    return shown + (" …" if len(values) > _MOST_VALUES else "")


def _limits(plan: TrialPlan) -> list[str]:
    limits = plan.limits
    parts = []
    if limits.batches is not None:
        parts.append(f"{limits.batches} minibatches")
    if limits.epochs is not None:
        parts.append(f"{limits.epochs} epochs")
    if limits.iterations is not None:
        least = "up to " if limits.stop_at_fit else ""
        parts.append(f"{least}{limits.iterations} iterations")
    if not limits.update:
        parts.append("no update")
    if not limits.regularize:
        parts.append("regularization off")
    return parts
