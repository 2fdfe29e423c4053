"""The GPU sampler: reads the driver in a process of its own, since a driver may crash it.

Run as `python -m tuitrain.supervisor.gpus STUDY_FOLDER`; ends with its standard input.
"""

import argparse
import select
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from setproctitle import setproctitle

from tuitrain.events import GpuProcess, GpuReading, GpusSampled
from tuitrain.store import LogWriter, StoreError, StudyFolder
from tuitrain.supervisor.gpu_processes import (
    FindParents,
    find_parents,
    read_processes,
)

INTERVAL_S: Final = 2.0
"""Between two readings."""
NOTABLE_USED_RATIO: Final = 0.02
"""Changes smaller than these are not worth a line."""
NOTABLE_MEMORY_BYTES: Final = 64 << 20
NOTABLE_TEMP_C: Final = 1.0
NOTABLE_POWER_W: Final = 10.0


def main(argv: list[str] | None = None) -> int:
    """Write readings into `gpus.jsonl` until standard input ends."""
    parser = argparse.ArgumentParser(prog="tuitrain.supervisor.gpus")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--booted-at", type=float)
    options = parser.parse_args(argv)
    folder = StudyFolder(options.folder)
    setproctitle(f"tuitrain gpus {folder.name}")
    log = LogWriter(folder.gpus, "gpus", booted_at_s=options.booted_at)
    nvml, error = load_nvml()
    if nvml is None:
        log.append([GpusSampled(error=error)])
        return 0
    return sample(lambda: read_gpus(nvml), log)


def sample(read: Callable[[], GpusSampled], log: LogWriter) -> int:
    """Write each notably changed reading until standard input ends or a reading fails."""
    last: GpusSampled | None = None
    while True:
        reading = read()
        if last is None or is_notable(last, reading):
            try:
                log.append([reading])
                last = reading
            except StoreError as error:
                sys.stderr.write(f"{error}\n")
        if not reading.gpus:
            return 0
        if select.select([sys.stdin], [], [], INTERVAL_S)[0]:
            return 0


def load_nvml() -> tuple[Any, str]:
    """Return the driver's library, initialized, or None and why there is none."""
    try:
        import pynvml
    except ImportError as error:
        return None, f"no GPU readings: nvidia-ml-py can't be imported ({error})"
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return None, f"no NVIDIA GPU here: {error}"
    return pynvml, ""


def read_gpus(
    nvml: Any,  # noqa: ANN401 - a module without types
    parents_of: FindParents = find_parents,
) -> GpusSampled:
    """Read every GPU once; one that fails costs its own reading only."""
    gpus = []
    try:
        count = nvml.nvmlDeviceGetCount()
    except nvml.NVMLError as error:
        return GpusSampled(error=f"the GPUs can't be counted: {error}")
    for index in range(count):
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            uuid = _text(nvml.nvmlDeviceGetUUID(handle))
        except nvml.NVMLError:
            # Fallen off the bus, or not ours to see; the others are still good.
            continue
        gpus.append(_read_gpu(nvml, handle, uuid, parents_of))
    return GpusSampled(gpus=gpus, error="" if gpus else "no NVIDIA GPU here")


def is_notable(before: GpusSampled, after: GpusSampled) -> bool:
    """Whether `after` differs from `before` by more than what is worth a line."""
    if [gpu.uuid for gpu in before.gpus] != [gpu.uuid for gpu in after.gpus]:
        return True
    if before.error != after.error:
        return True
    return any(
        _differs(old.used_ratio, new.used_ratio, NOTABLE_USED_RATIO)
        or _differs(old.memory_used_bytes, new.memory_used_bytes, NOTABLE_MEMORY_BYTES)
        or _differs(old.temp_c, new.temp_c, NOTABLE_TEMP_C)
        or _differs(old.power_w, new.power_w, NOTABLE_POWER_W)
        or _differ(old.processes, new.processes)
        for old, new in zip(before.gpus, after.gpus, strict=True)
    )


def _read_gpu(
    nvml: Any,  # noqa: ANN401 - a module without types
    handle: object,
    uuid: str,
    parents_of: FindParents,
) -> GpuReading:
    def ask(question: Callable[[], Any]) -> Any:  # noqa: ANN401
        try:
            return question()
        except nvml.NVMLError:
            return None

    memory = ask(lambda: nvml.nvmlDeviceGetMemoryInfo(handle))
    rates = ask(lambda: nvml.nvmlDeviceGetUtilizationRates(handle))
    temp = ask(lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU))
    power_mw = ask(lambda: nvml.nvmlDeviceGetPowerUsage(handle))
    return GpuReading(
        uuid=uuid,
        name=_text(ask(lambda: nvml.nvmlDeviceGetName(handle)) or ""),
        used_ratio=None if rates is None else rates.gpu / 100,
        memory_used_bytes=None if memory is None else int(memory.used),
        memory_total_bytes=None if memory is None else int(memory.total),
        temp_c=None if temp is None else float(temp),
        power_w=None if power_mw is None else power_mw / 1000,
        processes=read_processes(nvml, handle, ask, parents_of),
    )


def _differs(before: float | None, after: float | None, notable: float) -> bool:
    if before is None or after is None:
        return before is not after
    return abs(after - before) >= notable


def _differ(before: list[GpuProcess] | None, after: list[GpuProcess] | None) -> bool:
    """Whether processes came or went, or one's memory changed by something notable."""
    if before is None or after is None:
        return before is not after
    if [process.pid for process in before] != [process.pid for process in after]:
        return True
    return any(
        _differs(old.memory_used_bytes, new.memory_used_bytes, NOTABLE_MEMORY_BYTES)
        for old, new in zip(before, after, strict=True)
    )


def _text(value: str | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


if __name__ == "__main__":
    sys.exit(main())
