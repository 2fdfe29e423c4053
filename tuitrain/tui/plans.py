"""What a step is about to run, and what a configuration says, in words and rows."""

from collections.abc import Sequence
from itertools import groupby

from tuitrain.checklist import TrialPlan
from tuitrain.events import Config
from tuitrain.study import PlanView
from tuitrain.tui.lines import Line, crop, line, pad, plain, width_of, wrap
from tuitrain.units import format_duration, format_power

_MOST_VALUES = 8
_RATES = ("lr", "weight_decay")
_SHORT = {"lr": "lr", "weight_decay": "wd"}
_LONGEST_CELL = 36
_GAP = 3


def describe_plan(plan: PlanView) -> str:
    """Return a plan in a line: `4 trials · lr 1e-1 … · 100 iterations · about 00:12`.

    Empty where there is none, or none is known yet.
    """
    plans = plan.trials
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
    if len(plans) > 1:
        parts.append(f"{plan.slots} at once")
    if plan.expected_s is not None:
        about = "at most" if plan.is_limit else "about"
        parts.append(f"{about} {format_duration(plan.expected_s)}")
    return " · ".join(parts)


def plan_rows(plan: PlanView, width: int) -> list[Line]:
    """Return a plan in a line, and below it each trial's configuration."""
    described = describe_plan(plan)
    rows = wrap(described, width, "muted") if described else []
    cells = _cells(plan.trials)
    if not cells:
        return rows
    cell_width = min(width, max(map(width_of, cells)) + _GAP)
    beside = _in_groups(plan.trials, max(1, width // cell_width))
    for first in range(0, len(cells), beside):
        rows.append(_row(cells[first : first + beside], cell_width))
    return rows


def config_in_short(config: Config) -> str:
    """Return a configuration in a few words: `lr=5.6e-3 weight_decay=1e-4`."""
    parts = [f"{name}={_value(name, value)}" for name, value in config.items()]
    return plain(" ".join(parts))


def _in_groups(plans: Sequence[TrialPlan], beside: int) -> int:
    """Return how many trials a row holds so that each LR begins one, if they fit."""
    lrs = [_number(plan, "lr") for plan in plans]
    runs = [len(list(run)) for _, run in groupby(lrs)]
    if min(runs) != max(runs) or runs[0] == 1 or runs[0] > beside:
        return beside
    return runs[0]


def _row(cells: Sequence[Line], width: int) -> Line:
    spans = []
    for cell in cells:
        spans += [*cell, (" " * max(0, width - width_of(cell)), "")]
    return line(*spans)


def _cells(plans: Sequence[TrialPlan]) -> list[Line]:
    """Return each trial by what tells it from the others, rates first."""
    names = [name for plan in plans for name in plan.config]
    ordered = [*(n for n in _RATES if n in names), *dict.fromkeys(names)]
    told = [
        name
        for name in dict.fromkeys(ordered)
        if name in _RATES or len({str(plan.config.get(name)) for plan in plans}) > 1
    ]
    has_seeds = len({plan.seed for plan in plans}) > 1
    number_width = len(str(len(plans)))
    return [
        line(
            (f"{index:{number_width}} ", "muted"),
            crop(_tell(plan, told, has_seeds=has_seeds), _LONGEST_CELL),
            (f" from {plain(plan.resumes)}" if plan.resumes else "", "accent"),
        )
        for index, plan in enumerate(plans, 1)
    ]


def _tell(plan: TrialPlan, names: Sequence[str], *, has_seeds: bool) -> str:
    parts = [
        pad(f"{_SHORT.get(name, name)}={_value(name, plan.config[name])}", 9)
        if name in _RATES
        else f"{name}={plan.config[name]}"
        for name in names
        if name in plan.config
    ]
    if has_seeds:
        parts.append(f"seed={plan.seed}")
    return plain(" ".join(parts))


def _value(name: str, value: object) -> str:
    is_rate = name in _RATES and isinstance(value, int | float)
    return format_power(float(value)) if is_rate else str(value)  # type: ignore[arg-type]


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
