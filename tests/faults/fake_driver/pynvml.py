"""Fake of NVIDIA's driver library, for machines without a GPU: one GPU that idles.

On the `PYTHONPATH` of a study's processes it keeps their GPU sampler alive, so that
there is one to kill. A file named by `FAKE_DRIVER_CRASH` makes the next reading end the
process by SIGSEGV, as a driver does when its GPU falls off the bus.
"""

import os
import signal
from pathlib import Path
from types import SimpleNamespace

NVML_TEMPERATURE_GPU = 0


class NVMLError(Exception):
    """The library's one exception."""


def nvmlInit():  # noqa: N802 - the library's names
    """Begin."""


def nvmlDeviceGetCount():  # noqa: N802
    crash = os.environ.get("FAKE_DRIVER_CRASH")
    if crash and Path(crash).exists():
        signal.signal(signal.SIGSEGV, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGSEGV)
    return 1


def nvmlDeviceGetHandleByIndex(index):  # noqa: N802
    return index


def nvmlDeviceGetUUID(_handle):  # noqa: N802
    return "GPU-00000000-fake"


def nvmlDeviceGetName(_handle):  # noqa: N802
    return "fake GPU"


def nvmlDeviceGetMemoryInfo(_handle):  # noqa: N802
    return SimpleNamespace(used=1 << 30, total=8 << 30)


def nvmlDeviceGetUtilizationRates(_handle):  # noqa: N802
    return SimpleNamespace(gpu=10)


def nvmlDeviceGetTemperature(_handle, _sensor):  # noqa: N802
    return 40


def nvmlDeviceGetPowerUsage(_handle):  # noqa: N802
    return 50_000


def nvmlDeviceGetComputeRunningProcesses(_handle):  # noqa: N802
    return []


def nvmlDeviceGetGraphicsRunningProcesses(_handle):  # noqa: N802
    return []
