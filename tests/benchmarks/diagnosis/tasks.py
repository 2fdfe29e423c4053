"""Small data sets that the labelled runs train on, in two halves that never mix.

Thresholds may be tuned on `Split.TUNING` only, and on `Split.MORE`, which is run when it
is asked for; the figures that count come from `Split.HELD_OUT`, whose data sets no
threshold has seen.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import numpy as np
import torch
from torch import Tensor

from tests.benchmarks.diagnosis import makers, more_makers
from tuitrain.data import split


class Split(StrEnum):
    """What a data set may be used for."""

    TUNING = "tuning"
    HELD_OUT = "held_out"
    MORE = "more"
    """More to tune on, of other kinds, where `TUNING` alone would be learned by heart."""


class Goal(StrEnum):
    """What is predicted, and so which loss is right."""

    CLASSES = "classes"
    """One of several: cross entropy on (batch, classes)."""
    TOKENS = "tokens"
    """The next symbol at each place: cross entropy on (batch, classes, places)."""
    BINARY = "binary"
    """Yes-or-no questions, one or several: BCE with logits on (batch, questions)."""
    REGRESSION = "regression"
    """Numbers of mean 0 and deviation 1: squared error on (batch, 1)."""


class Form(StrEnum):
    """What a sample's input looks like, and so which models fit."""

    FLAT = "flat"
    IMAGE = "image"
    SYMBOLS = "symbols"
    SERIES = "series"


@dataclass(frozen=True)
class Data:
    """One data set, cut in two."""

    name: str
    split: Split
    goal: Goal
    form: Form
    x: Tensor
    y: Tensor
    val_x: Tensor
    val_y: Tensor
    outputs: int
    """Classes, questions or numbers predicted."""
    epochs: int
    """Passes after which a sensible run has learned what there is to learn."""
    batch_size: int
    symbols: int = 0
    """Size of the alphabet of `Form.SYMBOLS`."""
    is_imbalanced: bool = False
    """Whether accuracy must be the mean over classes to mean something."""


Maker = Callable[[np.random.Generator], makers.Arrays]


def load(name: str) -> Data:
    """Return the data set called `name`; the same numbers on every machine."""
    return _TASKS[name]()


def names(part: Split | None = None) -> list[str]:
    """Return the names of the data sets of one sort, or of both halves."""
    parts = (Split.TUNING, Split.HELD_OUT) if part is None else (part,)
    return [name for name in _TASKS if load(name).split in parts]


# --- the table ---


def _prepare(
    name: str,
    part: Split,
    goal: Goal,
    form: Form,
    arrays: makers.Arrays,
    *,
    outputs: int,
    epochs: int,
    batch_size: int = 32,
    symbols: int = 0,
    is_imbalanced: bool = False,
) -> Data:
    """Cut, standardize by the training part, and make tensors."""
    x, y, val_x, val_y = split(*arrays, val_share=0.25, seed=1)
    if form is not Form.SYMBOLS:
        # One mean and deviation for a whole image or series, one each for features.
        axes = 0 if form is Form.FLAT else None
        mean, deviation = x.mean(axes), x.std(axes)
        scale = np.where(deviation < 1e-6, 1.0, deviation)
        x, val_x = (x - mean) / scale, (val_x - mean) / scale
    if goal is Goal.REGRESSION:
        y, val_y = (y - y.mean()) / y.std(), (val_y - y.mean()) / y.std()
    kind = torch.long if goal in (Goal.CLASSES, Goal.TOKENS) else torch.float32
    inputs = torch.long if form is Form.SYMBOLS else torch.float32
    parts = [
        torch.from_numpy(np.ascontiguousarray(array)).to(dtype)
        for array, dtype in ((x, inputs), (y, kind), (val_x, inputs), (val_y, kind))
    ]
    return Data(
        name,
        part,
        goal,
        form,
        *parts,  # type: ignore[arg-type, misc]
        outputs=outputs,
        epochs=epochs,
        batch_size=batch_size,
        symbols=symbols,
        is_imbalanced=is_imbalanced,
    )


def _entry(
    name: str,
    part: Split,
    goal: Goal,
    form: Form,
    maker: Maker | Callable[[], makers.Arrays],
    *,
    seed: int | None = None,
    **sizes: int,
) -> tuple[str, Callable[[], Data]]:
    @cache
    def make() -> Data:
        given = () if seed is None else (np.random.default_rng(seed),)
        return _prepare(name, part, goal, form, maker(*given), **sizes)  # type: ignore[arg-type]

    return name, make


_T, _H = Split.TUNING, Split.HELD_OUT
_TASKS: dict[str, Callable[[], Data]] = dict(
    [
        _entry(
            "digits_images",
            _T,
            Goal.CLASSES,
            Form.IMAGE,
            makers.digits_images,
            outputs=10,
            epochs=10,
        ),
        _entry(
            "digits_flat",
            _T,
            Goal.CLASSES,
            Form.FLAT,
            makers.digits_flat,
            outputs=10,
            epochs=14,
            batch_size=64,
        ),
        _entry(
            "diabetes",
            _T,
            Goal.REGRESSION,
            Form.FLAT,
            makers.diabetes,
            outputs=1,
            epochs=16,
            batch_size=16,
        ),
        _entry(
            "blobs",
            _T,
            Goal.CLASSES,
            Form.FLAT,
            makers.blobs,
            seed=2,
            outputs=5,
            epochs=14,
            batch_size=64,
        ),
        _entry(
            "spirals",
            _T,
            Goal.BINARY,
            Form.FLAT,
            makers.spirals,
            seed=3,
            outputs=1,
            epochs=18,
            batch_size=64,
        ),
        _entry(
            "several_labels",
            _T,
            Goal.BINARY,
            Form.FLAT,
            makers.several_labels,
            seed=4,
            outputs=6,
            epochs=16,
            batch_size=64,
        ),
        _entry(
            "chain",
            _T,
            Goal.TOKENS,
            Form.SYMBOLS,
            makers.chain,
            seed=5,
            outputs=12,
            epochs=14,
            batch_size=16,
            symbols=12,
        ),
        _entry(
            "textures",
            _H,
            Goal.CLASSES,
            Form.IMAGE,
            makers.textures,
            seed=6,
            outputs=4,
            epochs=14,
        ),
        _entry(
            "friedman",
            _H,
            Goal.REGRESSION,
            Form.FLAT,
            makers.friedman,
            seed=7,
            outputs=1,
            epochs=20,
            batch_size=64,
        ),
        _entry(
            "rare",
            _H,
            Goal.BINARY,
            Form.FLAT,
            makers.rare,
            seed=8,
            outputs=1,
            epochs=14,
            batch_size=64,
            is_imbalanced=True,
        ),
        _entry(
            "teacher",
            _H,
            Goal.CLASSES,
            Form.FLAT,
            makers.teacher,
            seed=9,
            outputs=3,
            epochs=14,
            batch_size=64,
        ),
        _entry(
            "sparse",
            _H,
            Goal.CLASSES,
            Form.FLAT,
            makers.sparse,
            seed=10,
            outputs=6,
            epochs=12,
            batch_size=64,
        ),
        _entry(
            "motifs",
            _H,
            Goal.CLASSES,
            Form.SYMBOLS,
            makers.motifs,
            seed=11,
            outputs=4,
            epochs=14,
            symbols=8,
        ),
        _entry(
            "sines",
            _H,
            Goal.REGRESSION,
            Form.SERIES,
            makers.sines,
            seed=12,
            outputs=1,
            epochs=12,
        ),
    ]
)
"""Every data set by its name; digits and diabetes are shipped, the others generated."""

_R, _C, _B = Goal.REGRESSION, Goal.CLASSES, Goal.BINARY
_FLAT = Form.FLAT
_MORE: dict[str, tuple[Goal, Form, Maker, dict[str, int]]] = {
    "arm": (_R, _FLAT, more_makers.arm, {"outputs": 1, "epochs": 18}),
    "demand": (_R, _FLAT, more_makers.demand, {"outputs": 1, "epochs": 14}),
    "seldom": (
        _C,
        _FLAT,
        more_makers.seldom,
        {"outputs": 3, "epochs": 16, "batch_size": 64, "is_imbalanced": True},
    ),
    "votes": (
        _B,
        _FLAT,
        more_makers.votes,
        {"outputs": 1, "epochs": 12, "batch_size": 64},
    ),
    "letters": (
        _C,
        _FLAT,
        more_makers.letters,
        {"outputs": 20, "epochs": 14, "batch_size": 64},
    ),
    "shapes": (_C, Form.IMAGE, more_makers.shapes, {"outputs": 5, "epochs": 14}),
    "moods": (
        _B,
        Form.SYMBOLS,
        more_makers.moods,
        {"outputs": 1, "epochs": 12, "symbols": 16},
    ),
    "pulses": (_C, Form.SERIES, more_makers.pulses, {"outputs": 4, "epochs": 14}),
    "echoes": (_R, Form.SERIES, more_makers.echoes, {"outputs": 1, "epochs": 12}),
    "harvest": (_R, _FLAT, more_makers.harvest, {"outputs": 1, "epochs": 20}),
    "breakdowns": (
        _B,
        _FLAT,
        more_makers.breakdowns,
        {"outputs": 1, "epochs": 14, "batch_size": 64, "is_imbalanced": True},
    ),
    "committee": (
        _C,
        _FLAT,
        more_makers.committee,
        {"outputs": 4, "epochs": 16, "batch_size": 64},
    ),
    "headlines": (
        _C,
        _FLAT,
        more_makers.headlines,
        {"outputs": 8, "epochs": 12, "batch_size": 64},
    ),
    "weaves": (_C, Form.IMAGE, more_makers.weaves, {"outputs": 5, "epochs": 14}),
    "tides": (_R, Form.SERIES, more_makers.tides, {"outputs": 1, "epochs": 14}),
    "order": (
        _C,
        Form.SYMBOLS,
        more_makers.order,
        {"outputs": 3, "epochs": 14, "symbols": 9},
    ),
}
_TASKS |= dict(
    _entry(name, Split.MORE, goal, form, maker, seed=20 + index, **sizes)
    for index, (name, (goal, form, maker, sizes)) in enumerate(_MORE.items())
)
