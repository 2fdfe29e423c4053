"""Switching regularization off, in a model and in its loss, and naming what was."""

import functools
from typing import Any, Final

from torch import nn

_DROPOUT_FIELDS: Final = {
    "Dropout": "p",
    "Dropout1d": "p",
    "Dropout2d": "p",
    "Dropout3d": "p",
    "AlphaDropout": "p",
    "FeatureAlphaDropout": "p",
    "MultiheadAttention": "dropout",
    "RNN": "dropout",
    "LSTM": "dropout",
    "GRU": "dropout",
    "StochasticDepth": "p",
    "DropPath": "drop_prob",
    "DropBlock2d": "p",
}
"""Class name to the field that holds the probability; subclasses count too. The last
three are the usual names of layers that libraries of models bring along."""


def switch_off(model: nn.Module | None, loss: object) -> list[str]:
    """Set dropout probabilities and label smoothing to 0, in place.

    Args:
        model: Its modules keep all else; None: leave it.
        loss: A criterion: a module, or a `functools.partial` of a function.

    Returns:
        What was switched off, for people: `Dropout 0.1 in net.3`. What a script does by
        calling functions (`F.dropout(x, 0.1)`) is out of reach and not named.
    """
    named = [] if model is None else _switch_off_dropout(model)
    smoothing = _switch_off_smoothing(loss)
    return [*named, f"label smoothing {smoothing:g}"] if smoothing else named


def _switch_off_dropout(model: nn.Module) -> list[str]:
    named = []
    for name, module in model.named_modules():
        field = _find_field(module)
        probability = getattr(module, field, None) if field else None
        if field and isinstance(probability, float | int) and probability > 0:
            setattr(module, field, 0.0)
            named.append(
                f"{type(module).__name__} {probability:g} in {name or 'model'}"
            )
    return named


def _find_field(module: nn.Module) -> str | None:
    for base in type(module).__mro__:
        if base.__name__ in _DROPOUT_FIELDS:
            return _DROPOUT_FIELDS[base.__name__]
    return None


def _switch_off_smoothing(loss: object) -> float:
    """Return the label smoothing that was in force, 0 when there was none."""
    if isinstance(loss, functools.partial):
        # The dict belongs to the partial: whoever holds it calls with the new value.
        keywords: dict[str, Any] = loss.keywords
        smoothing = keywords.get("label_smoothing", 0.0)
        if smoothing:
            keywords["label_smoothing"] = 0.0
        return float(smoothing)
    smoothing = getattr(loss, "label_smoothing", 0.0)
    if not isinstance(loss, nn.Module) or not isinstance(smoothing, float | int):
        return 0.0
    if smoothing:
        loss.label_smoothing = 0.0  # type: ignore[assignment]
    return float(smoothing)
