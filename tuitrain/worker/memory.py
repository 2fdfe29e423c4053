"""A GPU's memory that did not suffice, as torch and the CUDA libraries say it."""

import re
from collections.abc import Iterator
from typing import Final

import torch

from tuitrain.events import OutOfMemory
from tuitrain.worker.describe import name_device

_SAYS_SO: Final = re.compile(
    r"CUDA out of memory|CUDA error: out of memory|HIP out of memory"
    r"|CU(?:BLAS|DNN|SOLVER|SPARSE|FFT)_STATUS_ALLOC_FAILED"
    r"|cudaErrorMemoryAllocation"
)
"""What libraries that raise no `torch.OutOfMemoryError` say instead."""

_SIZE: Final = r"(?P<number>[\d.]+) (?P<unit>bytes|[KMGT]iB)"
_UNITS: Final = {
    unit: 1024**power
    for power, unit in enumerate(("bytes", "KiB", "MiB", "GiB", "TiB"))
}
_ASKED: Final = re.compile(rf"Tried to allocate {_SIZE}")
_TOTAL: Final = re.compile(rf"total capacity of {_SIZE}")
_FREE: Final = re.compile(rf"of which {_SIZE} is free")
_USED: Final = re.compile(rf"this process has {_SIZE} memory in use")


def describe_shortage(
    error: BaseException, *, batch_size: int | None, takes_batch_size: bool
) -> OutOfMemory | None:
    """Return what is known of the memory that `error` asked for in vain.

    Args:
        error: What ended the training.
        batch_size: Samples in its minibatches; None: not known.
        takes_batch_size: As of `OutOfMemory`.

    Returns:
        None: it ended for another reason.
    """
    cause = next((each for each in _chain(error) if _is_shortage(each)), None)
    if cause is None:
        return None
    text = str(cause)
    name, free, total = _ask_device()
    told_free, told_total = _read(_FREE, text), _read(_TOTAL, text)
    return OutOfMemory(
        device_name=name,
        asked_bytes=_read(_ASKED, text),
        free_bytes=free if told_free is None else told_free,
        total_bytes=total if told_total is None else told_total,
        used_bytes=_read(_USED, text),
        batch_size=batch_size,
        takes_batch_size=takes_batch_size,
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it was raised from, the newest first."""
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        yield at
        at = at.__cause__ or at.__context__


def _is_shortage(error: BaseException) -> bool:
    # Not by the name it has in `torch` as well, which older releases do not know.
    if isinstance(error, torch.cuda.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and bool(_SAYS_SO.search(str(error)))


def _read(pattern: re.Pattern[str], text: str) -> int | None:
    found = pattern.search(text)
    return round(float(found["number"]) * _UNITS[found["unit"]]) if found else None


def _ask_device() -> tuple[str, int | None, int | None]:
    """Return name, free and total memory of the device in use, as far as it answers."""
    if not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        return "", None, None
    try:
        name = name_device(torch.device("cuda", torch.cuda.current_device()))
        free, total = torch.cuda.mem_get_info()
    except RuntimeError:
        # A device that refuses memory may refuse to answer, too.
        return "", None, None
    return name, free, total
