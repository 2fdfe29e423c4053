"""What all rules share when they report: rounding, and words for numbers."""

import math
from collections.abc import Sequence

from tuitrain.events import Config, Scalar


def rounded(value: float | None, digits: int = 4) -> Scalar | None:
    """Return `value` in so many significant digits, ready for `Evidence`.

    What is not finite becomes `nan`, `inf` or `-inf`; None stays None.
    """
    if value is None:
        return None
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return float(f"{value:.{digits}g}")


def listed(names: Sequence[str], most: int = 3) -> str:
    """Return the first names, and a sign that there are more."""
    shown = [name_layer(name) for name in names[:most]]
    return ", ".join(shown) + (", …" if len(names) > most else "")


def name_layer(name: str) -> str:
    """Return a layer's name so that a bare number is not taken for a count."""
    return f"layer {name}" if name.isdigit() else name


def scaled_lr(lr: float | None, factor: float) -> Config | None:
    """Return the change to `factor` times the LR; None: the LR is not known."""
    return None if lr is None else {"lr": float(f"{lr * factor:.2g}")}
