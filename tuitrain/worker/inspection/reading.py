"""Facts that are still tensors, and become plain where waiting for them is allowed."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Generic, TypeVar

import torch
from torch import Tensor, nn

MOST_KEPT_BYTES: Final = 2 * 1024 * 1024
"""Minibatches that are kept to be read together; more is not worth the memory."""

T = TypeVar("T")

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


class Kept(Generic[T]):
    """Copies of small tensors, for the sender thread to work something out from."""

    def __init__(self) -> None:
        """Nothing so far."""
        self._tensors: list[Tensor] = []
        self._bytes = 0
        self._told: tuple[int, T] | None = None
        """Of how much what was worked out; the sender thread's own."""
        self._last: Callable[[], T] | None = None
        """Reads all there was when it was closed; None: more may come."""

    def keep(self, value: Tensor) -> bool:
        """Copy a tensor; False: it is too large for what is left."""
        self._bytes += value.nbytes
        if self._bytes > MOST_KEPT_BYTES:
            return False
        self._tensors.append(value.clone())
        return True

    def reader(
        self, amount: int, work_out: Callable[[list[Tensor]], T]
    ) -> Callable[[], T]:
        """Return what works something out of the copies there are by now.

        Args:
            amount: How much was seen; of as much it is worked out once.
            work_out: From the copies, in the sender thread.
        """
        if self._last is not None:
            return self._last
        tensors = list(self._tensors)

        def read() -> T:
            if self._told is None or self._told[0] != amount:
                self._told = amount, work_out(tensors)
                tensors.clear()
            return self._told[1]

        return read

    def close(self, last: Callable[[], T]) -> None:
        """Keep no more; what there is goes once `last` has read it."""
        self._last = last
        self._tensors = []


def join(tensors: Sequence[Tensor]) -> Iterator[Tensor]:
    """Yield the tensors on the CPU, those of samples of the same shape as one."""
    groups: dict[tuple[object, ...], list[Tensor]] = {}
    for each in tensors:
        key = each.shape[1:], each.dtype, each.device
        groups.setdefault(key, []).append(each)
    for group in groups.values():
        yield torch.cat(group).cpu()


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
