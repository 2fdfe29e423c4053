"""The settings that a step's plan is made of: how each is named, typed and written."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from fractions import Fraction
from typing import Any, Final

from tuitrain.events import Step
from tuitrain.units import format_power

_SPLIT: Final = re.compile(r"[,;\s]+")
_WHOLE: Final = re.compile(r"[+-]?\d{1,40}")
_LARGEST_DENOMINATOR: Final = 9
_SMALL: Final = 0.1


class Kind(Enum):
    """What is typed."""

    NUMBER = auto()
    NUMBERS = auto()
    TEXT = auto()


@dataclass(frozen=True)
class Field:
    """One setting."""

    section: str
    """Of `study.toml`; empty: above all sections."""
    key: str
    label: str
    kind: Kind
    about: str
    """A line on what it is for."""
    unset: str = ""
    """What an absent value means, in words."""

    def value_in(self, settings: Mapping[str, Any]) -> object:
        """Return the value in plain settings; None: left out."""
        section = settings.get(self.section, {}) if self.section else settings
        value: object = section.get(self.key) if isinstance(section, Mapping) else None
        return value

    def shown_in(self, settings: Mapping[str, Any]) -> str:
        """Return the value as it is typed."""
        return write(self.value_in(settings))


def _of(step: Step, *fields: tuple[str, str, Kind, str]) -> tuple[Field, ...]:
    return tuple(Field(step.value, *field) for field in fields)


OF_STEP: Final[dict[Step, tuple[Field, ...]]] = {
    Step.INITIAL_LOSS: _of(
        Step.INITIAL_LOSS,
        (
            "batches",
            "minibatches",
            Kind.NUMBER,
            "Training minibatches measured for each initialization.",
        ),
        (
            "initializations",
            "initializations",
            Kind.NUMBER,
            "Fresh initializations, one trial each.",
        ),
    ),
    Step.OVERFIT_SMALL: _of(
        Step.OVERFIT_SMALL,
        ("lrs", "LRs", Kind.NUMBERS, "One trial each, like 1e-1, 1e-2."),
        (
            "batches",
            "minibatches",
            Kind.NUMBER,
            "Minibatches trained on, over and over.",
        ),
        (
            "iterations",
            "iterations",
            Kind.NUMBER,
            "At most; a trial ends as soon as it fits.",
        ),
    ),
    Step.FIND_LR: _of(
        Step.FIND_LR,
        (
            "lrs",
            "LRs",
            Kind.NUMBERS,
            "One trial each, like 1e-1, 1e-2; if the best is at an edge, one more.",
        ),
        ("weight_decay", "weight decay", Kind.NUMBER, "Of every trial of this step."),
        ("iterations", "iterations", Kind.NUMBER, "Of each trial."),
    ),
    Step.COARSE_GRID: _of(
        Step.COARSE_GRID,
        (
            "lr_factors",
            "LR factors",
            Kind.NUMBERS,
            "Times the LR that step 3 picked, like 1/3, 1, 3.",
        ),
        (
            "weight_decays",
            "weight decays",
            Kind.NUMBERS,
            "Each with every LR, like 1e-4, 1e-5, 0.",
        ),
        ("epochs", "epochs", Kind.NUMBER, "Of each trial; 1 to 5 are usual."),
    ),
    Step.REFINE_GRID: _of(
        Step.REFINE_GRID,
        (
            "best",
            "best",
            Kind.NUMBER,
            "Configurations of step 4 that go on from their checkpoints.",
        ),
        (
            "lr_factors",
            "LR factors",
            Kind.NUMBERS,
            "Finer neighbours of each: its LR times these.",
        ),
        ("epochs", "epochs", Kind.NUMBER, "Of each trial; 10 to 20 are usual."),
    ),
    Step.LEARNING_CURVES: (),
}
"""What each step's own plan is made of; step 6 runs nothing."""

OF_ALL: Final = (
    Field("", "seed", "seed", Kind.NUMBER, "Of every trial; step 1 goes on from it."),
    Field(
        "",
        "metric",
        "metric",
        Kind.TEXT,
        "The series that ranks trials; auto: val_accuracy, else val_loss, else loss.",
    ),
    Field(
        "devices",
        "slots",
        "at once, on CPU",
        Kind.NUMBER,
        "Trials at once where there is no GPU; empty: half the cores.",
        "half the cores",
    ),
    Field(
        "devices",
        "per_gpu",
        "at once, per GPU",
        Kind.NUMBER,
        "Trials at once on each GPU.",
    ),
)
"""What the plans of all steps are made of."""


def fields_of(step: Step) -> tuple[Field, ...]:
    """Return the settings that the plan of `step` is made of."""
    return (*OF_STEP[step], *OF_ALL)


def read(text: str, kind: Kind) -> object:
    """Return what was typed as a plain value; None: nothing, which is the default.

    What is no number stays text, so that whoever checks it can say what is wrong.
    """
    text = text.strip()
    if not text:
        return None
    match kind:
        case Kind.TEXT:
            return text
        case Kind.NUMBER:
            return _number(text)
        case Kind.NUMBERS:
            return [_number(part) for part in _SPLIT.split(text.strip(",; ")) if part]


def write(value: object) -> str:
    """Return a plain value as it is typed; reading it gives the same value."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(write(item) for item in value)
    if isinstance(value, float):
        return _write_number(value)
    return str(value)


def to_settings(
    drafts: Mapping[Field, str], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what typed texts change, in the shape of `study.toml`; {}: nothing."""
    changes: dict[str, Any] = {}
    for field, text in drafts.items():
        value = read(text, field.kind)
        if value == field.value_in(settings):
            continue
        section = changes.setdefault(field.section, {}) if field.section else changes
        section[field.key] = value
    return changes


def _number(text: str) -> object:
    if _WHOLE.fullmatch(text):
        return int(text)
    try:
        if "/" in text:
            return float(Fraction(text.replace(" ", "")))
        return float(text)
    except (ValueError, ZeroDivisionError, OverflowError):
        return text


def _write_number(value: float) -> str:
    if not math.isfinite(value):
        return str(value)
    power = format_power(value)
    if float(power) == value and (abs(value) <= _SMALL or abs(value) >= 1 / _SMALL**4):
        return power
    fraction = Fraction(value).limit_denominator(_LARGEST_DENOMINATOR)
    short = f"{value:g}"
    if float(short) == value:
        return short
    return str(fraction) if float(fraction) == value else repr(value)
