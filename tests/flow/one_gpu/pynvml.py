"""Stand-in for the driver's library: one GPU that is not there.

On the path of processes started by a test (`PYTHONPATH`) it is what they import. Trials
are told the GPU's UUID and, without CUDA, train on the CPU.
"""

from types import SimpleNamespace

NVML_TEMPERATURE_GPU = 0


class NVMLError(Exception):
    """What the library raises."""


def nvmlInit() -> None:  # noqa: N802
    """Begin."""


def nvmlDeviceGetCount() -> int:  # noqa: N802
    """One."""
    return 1


def nvmlDeviceGetHandleByIndex(index: int) -> int:  # noqa: N802
    """The number itself."""
    return index


def nvmlDeviceGetUUID(_handle: int) -> str:  # noqa: N802
    """What devices are chosen by."""
    return "GPU-made-up"


def nvmlDeviceGetName(_handle: int) -> str:  # noqa: N802
    """Nobody's product."""
    return "made-up GPU"


def nvmlDeviceGetMemoryInfo(_handle: int) -> SimpleNamespace:  # noqa: N802
    """Half full."""
    return SimpleNamespace(used=40 << 30, total=80 << 30)


def _unsupported(*_: object) -> None:
    raise NVMLError("not supported")


nvmlDeviceGetUtilizationRates = _unsupported  # noqa: N816
nvmlDeviceGetTemperature = _unsupported  # noqa: N816
nvmlDeviceGetPowerUsage = _unsupported  # noqa: N816
nvmlDeviceGetComputeRunningProcesses = _unsupported  # noqa: N816
nvmlDeviceGetGraphicsRunningProcesses = _unsupported  # noqa: N816
