"""Asks the driver of the GPUs, in a process of its own, since a driver may crash it.

Run as `python -m tuitrain.doctor.gpu_probe`; writes one JSON document.
"""

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from tuitrain.events import GpuProcess
from tuitrain.supervisor.gpu_processes import (
    FindParents,
    find_parents,
    read_processes,
)
from tuitrain.supervisor.gpus import load_nvml

PROC: Final = Path("/proc")

FindOwner = Callable[[int], int | None]
"""Returns the number of the user whose process it is; None: it can't be seen."""


class GpuUser(msgspec.Struct, frozen=True, kw_only=True):
    """A process on a GPU."""

    pid: int
    uid: int | None = None
    """Whose it is; None: it can't be seen from here."""
    memory_bytes: int | None = None


class GpuFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One GPU; None: the driver does not tell."""

    uuid: str = ""
    """Empty: it does not answer at all."""
    name: str = ""
    memory_bytes: int | None = None
    used_bytes: int | None = None
    is_persistent: bool | None = None
    compute_mode: int | None = None
    has_mig: bool | None = None
    mig_uuids: list[str] = []
    ecc_errors: int | None = None
    """Uncorrected ones since the driver was loaded."""
    users: list[GpuUser] | None = None
    error: str = ""


class DriverFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The driver and its GPUs."""

    driver: str = ""
    cuda: tuple[int, int] | None = None
    """Newest CUDA that the driver supports."""
    gpus: list[GpuFacts] = []
    error: str = ""
    """Why no GPU can be asked; empty: they can."""
    has_crashed: bool = False
    """Whether the driver's library hung or ended the process that asked."""
    has_device: bool = False
    """Whether the driver's device files are there."""
    cards_on_bus: int = 0
    """NVIDIA's graphics cards that the machine's buses tell of."""


def main() -> int:
    """Write what the driver tells."""
    nvml, error = load_nvml()
    facts = DriverFacts(error=error) if nvml is None else read_driver(nvml)
    sys.stdout.write(msgspec.json.encode(facts).decode() + "\n")
    return 0


def read_driver(
    nvml: Any,  # noqa: ANN401 - a module without types
    parents_of: FindParents = find_parents,
    owner_of: FindOwner | None = None,
) -> DriverFacts:
    """Return what the driver tells; a GPU that fails costs its own answers only."""

    def ask(question: Callable[[], Any]) -> Any:  # noqa: ANN401
        try:
            return question()
        except (nvml.NVMLError, AttributeError):
            # An old library of ours lacks what a new one has.
            return None

    try:
        count = nvml.nvmlDeviceGetCount()
    except nvml.NVMLError as error:
        return DriverFacts(error=f"the GPUs can't be counted: {error}")
    version = ask(lambda: nvml.nvmlSystemGetCudaDriverVersion_v2())
    gpus = []
    for index in range(count):
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            uuid = _text(nvml.nvmlDeviceGetUUID(handle))
        except nvml.NVMLError as error:
            gpus.append(GpuFacts(error=str(error)))
            continue
        processes = read_processes(nvml, handle, ask, parents_of)
        users = None
        if processes is not None:
            users = [
                _find_user(process, owner_of or find_owner) for process in processes
            ]
        gpus.append(_read_gpu(nvml, handle, uuid, users, ask))
    return DriverFacts(
        driver=_text(ask(lambda: nvml.nvmlSystemGetDriverVersion()) or ""),
        cuda=(version // 1000, version % 1000 // 10) if version else None,
        gpus=gpus,
    )


def _find_user(process: GpuProcess, owner_of: FindOwner) -> GpuUser:
    # Without parents it is not to be seen: the number may be another's here.
    uid = owner_of(process.pid) if process.parents else None
    return GpuUser(pid=process.pid, uid=uid, memory_bytes=process.memory_used_bytes)


def find_owner(pid: int, proc: Path = PROC) -> int | None:
    """Return whose process `pid` is; None: it can't be seen."""
    try:
        return os.stat(proc / str(pid)).st_uid
    except OSError:
        return None


def _read_gpu(
    nvml: Any,  # noqa: ANN401 - a module without types
    handle: object,
    uuid: str,
    users: list[GpuUser] | None,
    ask: Callable[[Callable[[], Any]], Any],
) -> GpuFacts:
    memory = ask(lambda: nvml.nvmlDeviceGetMemoryInfo(handle))
    persistent = ask(lambda: nvml.nvmlDeviceGetPersistenceMode(handle))
    mig = ask(lambda: nvml.nvmlDeviceGetMigMode(handle))
    has_mig = None if mig is None else bool(mig[0])
    return GpuFacts(
        uuid=uuid,
        name=_text(ask(lambda: nvml.nvmlDeviceGetName(handle)) or ""),
        memory_bytes=None if memory is None else int(memory.total),
        used_bytes=None if memory is None else int(memory.used),
        is_persistent=None if persistent is None else bool(persistent),
        compute_mode=ask(lambda: int(nvml.nvmlDeviceGetComputeMode(handle))),
        has_mig=has_mig,
        mig_uuids=_read_mig(nvml, handle, ask) if has_mig else [],
        ecc_errors=ask(
            lambda: int(
                nvml.nvmlDeviceGetTotalEccErrors(
                    handle,
                    nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED,
                    nvml.NVML_VOLATILE_ECC,
                )
            )
        ),
        users=users,
    )


def _read_mig(
    nvml: Any,  # noqa: ANN401 - a module without types
    handle: object,
    ask: Callable[[Callable[[], Any]], Any],
) -> list[str]:
    uuids = []
    for index in range(ask(lambda: nvml.nvmlDeviceGetMaxMigDeviceCount(handle)) or 0):
        place = ask(partial(nvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, index))
        if place is not None:
            uuids.append(_text(ask(partial(nvml.nvmlDeviceGetUUID, place)) or "?"))
    return uuids


def _text(value: str | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


if __name__ == "__main__":
    sys.exit(main())
