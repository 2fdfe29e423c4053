"""Facts that are still tensors, and become plain where waiting for them is allowed."""

import math
from typing import Any, Final

from torch import Tensor, nn

_WRAPPERS: Final = ("DataParallel", "DistributedDataParallel")


def number(value: Tensor | float | None) -> float | None:
    """Read one number; None stays None, and so does what is not finite."""
    if value is None:
        return None
    read = float(value)
    return read if math.isfinite(read) else None


def flag(value: Tensor | None) -> bool | None:
    """Read one truth value; None stays None."""
    return None if value is None else bool(value)


def narrow(value: Any, rows: int) -> Any:  # noqa: ANN401 - nested as it came
    """Return a copy of the first rows of each tensor, so that the rest can be let go."""
    if isinstance(value, Tensor):
        return value.detach()[:rows].clone() if value.ndim else value.detach().clone()
    if isinstance(value, dict):
        return {name: narrow(part, rows) for name, part in value.items()}
    if isinstance(value, tuple | list) and not hasattr(value, "_fields"):
        return type(value)(narrow(part, rows) for part in value)
    return value


def unwrap(model: nn.Module) -> nn.Module:
    """Return what a compiled or distributed model wraps.

    A forward pass of our own must neither compile nor wait for other processes.
    """
    for _ in range(4):
        inner = getattr(model, "_orig_mod", None)
        if inner is None and type(model).__name__ in _WRAPPERS:
            inner = getattr(model, "module", None)
        if not isinstance(inner, nn.Module):
            break
        model = inner
    return model
