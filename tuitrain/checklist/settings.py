"""What a study is asked to do: the content of `study.toml`, checked."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, cast

import msgspec

from tuitrain.events import Config

LARGEST: Final = 10**9
"""Of whole numbers; far beyond what is asked for, and within what a log can hold."""
MOST_TRIALS: Final = 100
"""Initializations: each is a trial."""
MOST_VALUES: Final = 32
"""Values in a list: two lists make a grid, and a grid's trials are their product."""

Count = Annotated[int, msgspec.Meta(ge=1, le=LARGEST)]
"""One or more of something."""
Natural = Annotated[int, msgspec.Meta(ge=0, le=LARGEST)]
"""None or more of something."""
Positive = Annotated[float, msgspec.Meta(gt=0)]
"""A number above 0."""
NonNegative = Annotated[float, msgspec.Meta(ge=0)]
"""A number of 0 or more."""
Few = Annotated[int, msgspec.Meta(ge=1, le=MOST_TRIALS)]
"""One or more of something that becomes a trial each."""
Lrs = Annotated[
    tuple[Positive, ...], msgspec.Meta(min_length=1, max_length=MOST_VALUES)
]
"""One or more learning rates, or factors of one."""
WeightDecays = Annotated[
    tuple[NonNegative, ...], msgspec.Meta(min_length=1, max_length=MOST_VALUES)
]
"""One or more weight decays; 0 is allowed."""

DECADES: Final = (1e-1, 1e-2, 1e-3, 1e-4)
"""The recipe's learning rates, one a decade."""

SET_BY_STEPS: Final = ("lr", "weight_decay", "epochs")
"""Names that the steps choose; a fixed value for them would be overruled silently."""


class SettingsError(Exception):
    """The settings can't be used: which key, what is wrong, what is allowed."""


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all sections share: frozen, and a typing error in a key is an error."""


class InitialLossSettings(_Section, frozen=True, kw_only=True):
    """Step 1: measure the loss before any update."""

    batches: Count = 5
    """Training minibatches measured for each initialization."""
    initializations: Few = 3
    """Fresh initializations, one trial each."""


class OverfitSmallSettings(_Section, frozen=True, kw_only=True):
    """Step 2: reach 100 % training accuracy on a few minibatches."""

    batches: Count = 8
    """Minibatches trained on, over and over."""
    lrs: Lrs = DECADES
    """One trial each."""
    iterations: Count = 500
    """At most; a trial ends as soon as it fits."""


class FindLrSettings(_Section, frozen=True, kw_only=True):
    """Step 3: find an LR that makes the loss go down on all training data."""

    lrs: Lrs = DECADES
    """One trial each; the next decade too, if the best is at an edge."""
    weight_decay: NonNegative = 1e-4
    iterations: Count = 100


class CoarseGridSettings(_Section, frozen=True, kw_only=True):
    """Step 4: LR × weight decay around the LR of step 3."""

    lr_factors: Lrs = (1 / 3, 1.0, 3.0)
    """Times the LR that step 3 picked."""
    weight_decays: WeightDecays = (1e-4, 1e-5, 0.0)
    epochs: Count = 3


class RefineGridSettings(_Section, frozen=True, kw_only=True):
    """Step 5: the best of step 4 and their finer neighbours, for longer."""

    best: Count = 2
    """Configurations of step 4 that go on."""
    lr_factors: Lrs = (10**-0.25, 10**0.25)
    """Finer neighbours of each: its LR times these."""
    epochs: Count = 15


class DeviceSettings(_Section, frozen=True, kw_only=True):
    """Where trials run, and how many at once."""

    slots: Count | None = None
    """Trials at once without a GPU; left out: half the cores."""
    per_gpu: Count = 1
    """Trials at once on each GPU."""
    gpus: Literal["auto", "none"] | list[int | str] = "auto"
    """`auto`: every GPU there is; `none`: the CPU; or indices or UUIDs."""
    cold: bool = False
    """A fresh interpreter for every trial instead of the warm starter."""
    python: str | None = None
    """Interpreter that runs the script; left out: the one that runs tuitrain."""


class ProbeSettings(_Section, frozen=True, kw_only=True):
    """How often update ratios are measured, and whether bugs are looked for."""

    every: Count = 20
    """Iterations between measurements."""
    first: Natural = 20
    """The first so many iterations are all measured."""
    inspect: bool = True
    """Whether model, data and gradients are looked at for bugs in the first iterations."""


class Settings(_Section, frozen=True, kw_only=True):
    """All of `study.toml`."""

    script: str
    """Path of the training script."""
    function: str | None = None
    """Name of its task function; left out: the script has a loop of its own."""
    arguments: tuple[str, ...] = ()
    """Given to a script with a loop of its own, after its name; secrets `<redacted>`."""
    seed: Natural = 0
    """Of every trial; step 1 also takes the numbers after it."""
    metric: str = "auto"
    """Series that ranks trials; `auto`: `val_accuracy`, else `val_loss`, else `loss`."""
    goal: Literal["auto", "max", "min"] = "auto"
    """Whether more of the metric is better; `auto`: known from its name."""
    rounds: Count = 1
    """Rounds of steps 5 and 6 that `--auto` walks at most."""
    config: Config = {}
    """Fixed values the script reads, besides those the steps choose."""
    initial_loss: InitialLossSettings = InitialLossSettings()
    overfit_small: OverfitSmallSettings = OverfitSmallSettings()
    find_lr: FindLrSettings = FindLrSettings()
    coarse_grid: CoarseGridSettings = CoarseGridSettings()
    refine_grid: RefineGridSettings = RefineGridSettings()
    devices: DeviceSettings = DeviceSettings()
    probes: ProbeSettings = ProbeSettings()


def settings_from(data: Mapping[str, Any]) -> Settings:
    """Return the settings that plain values from TOML or JSON describe.

    Raises:
        SettingsError: In one line: which key, what it holds, what is allowed.
    """
    try:
        _refuse_unwritable(data, "")
    except RecursionError:
        raise SettingsError("settings: are nested too deeply") from None
    _refuse_nested(data.get("config"))
    try:
        settings = msgspec.convert(data, Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(_explain(str(error), data)) from None
    if not settings.script:
        raise SettingsError("script: is empty; give the path of a training script")
    for name in SET_BY_STEPS:
        if name in settings.config:
            raise SettingsError(
                f"config.{name}: the steps choose it; leave it out, and set "
                "what they try in [find_lr], [coarse_grid] and [refine_grid]"
            )
    return settings


def settings_to(settings: Settings) -> dict[str, Any]:
    """Return `settings` as plain values for TOML or JSON, defaults included.

    TOML has no null: what is None is left out, and read back as None.
    """
    plain = msgspec.to_builtins(settings)
    return cast("dict[str, Any]", _without_none(plain))


def _without_none(value: object) -> object:
    if isinstance(value, Mapping):
        return {k: _without_none(v) for k, v in value.items() if v is not None}
    if isinstance(value, tuple | list):
        return [_without_none(item) for item in value]
    return value


def _refuse_unwritable(value: object, path: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise SettingsError(f"{path}: is {value}; give a finite number")
    if isinstance(value, str) and not _is_text(value):
        # The name of a file that is no UTF-8 reaches Python as such a text.
        raise SettingsError(f"{path}: is {value!r}, which is no UTF-8; rename it")
    if isinstance(value, Mapping):
        for key, item in value.items():
            _refuse_unwritable(key, f"a key in {path or 'settings'}")
            _refuse_unwritable(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, item in enumerate(value):
            _refuse_unwritable(item, f"{path}[{index}]")


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_nested(config: object) -> None:
    for name, value in config.items() if isinstance(config, Mapping) else ():
        if not isinstance(value, bool | int | float | str):
            raise SettingsError(
                f"config.{name}: is {value!r}; allowed: a number, text or true or false"
            )


_CHOICES: Final = {
    "goal": '"auto", "max" or "min"',
    "devices.gpus": '"auto", "none", or a list of indices or UUIDs',
}
_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<path>[^`]*)`)?$", re.DOTALL)
_UNKNOWN_FIELD = re.compile(r"unknown field `(?P<name>[^`]*)`")
_MISSING_FIELD = re.compile(r"missing required field `(?P<name>[^`]*)`")


def _explain(error: str, data: Mapping[str, Any]) -> str:
    match = _AT.match(error)
    what, path = (match["what"], match["path"] or "") if match else (error, "")
    if unknown := _UNKNOWN_FIELD.search(what):
        key = f"{path}.{unknown['name']}" if path else unknown["name"]
        return f"{key}: there is no such setting; allowed here: {_fields_at(path)}"
    if missing := _MISSING_FIELD.search(what):
        key = f"{path}.{missing['name']}" if path else missing["name"]
        return f"{key}: is missing"
    allowed = what.replace("Expected ", "").split(", got ")[0].replace("`", "")
    found = _value_at(data, path)
    words = _CHOICES.get(path) or _in_words(allowed)
    return f"{path or 'settings'}: is {found!r}; allowed: {words}"


def _in_words(allowed: str) -> str:
    words = {
        "int >= 1": "a whole number of at least 1",
        "int >= 0": "a whole number of at least 0",
        "int": "a whole number",
        "float > 0.0": "a number above 0",
        "float >= 0.0": "a number of at least 0",
        "float": "a number",
        f"int <= {LARGEST}": f"a whole number of at most {LARGEST}",
        f"int <= {MOST_TRIALS}": f"a whole number of at most {MOST_TRIALS}",
        "array of length >= 1": "a list with at least one value",
        f"array of length <= {MOST_VALUES}": f"a list of at most {MOST_VALUES} values",
        "array": "a list",
        "bool": "true or false",
        "str": "text in quotes",
        "object": "a section of its own",
    }
    alternatives = [part for part in allowed.split(" | ") if part != "null"]
    return words.get(allowed) or " or ".join(words.get(p, p) for p in alternatives)


def _value_at(data: object, path: str) -> object:
    for key in re.findall(r"[^.\[\]]+", path):
        if isinstance(data, Mapping) and key in data:
            data = data[key]
        elif isinstance(data, Sequence) and key.isdigit():
            data = data[int(key)]
        else:
            break
    return data


def _fields_at(path: str) -> str:
    section: type[msgspec.Struct] = Settings
    if path:
        section = cast("type[msgspec.Struct]", Settings.__annotations__[path])
    return ", ".join(section.__struct_fields__)
