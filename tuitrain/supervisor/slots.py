"""How many trials run at once, and on which device each."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tuitrain.checklist import Settings
from tuitrain.events import GpusSampled

CPU: Final = "cpu"
"""The device of a trial without a GPU."""


class DeviceError(Exception):
    """The study asks for a GPU that is not there; in one line which, and what is."""


@dataclass(frozen=True)
class Slots:
    """Places for trials on this machine."""

    devices: tuple[str, ...]
    """UUIDs of the GPUs in use; empty: the CPU."""
    per_device: int
    threads: int
    """CPU threads of each trial."""

    @property
    def total(self) -> int:
        """Trials that may run at once."""
        return max(1, len(self.devices)) * self.per_device

    def choose(self, busy: Iterable[str]) -> str | None:
        """Return the device with the most room; None: all places are taken.

        Args:
            busy: The device of every trial that runs, also of those on devices no
                longer in use.
        """
        load = Counter(busy)
        if load.total() >= self.total:
            return None
        device = min(self.devices or (CPU,), key=lambda name: load[name])
        return device if load[device] < self.per_device else None


def plan_slots(settings: Settings, gpus: GpusSampled | None, cores: int) -> Slots:
    """Return the places for trials that `settings` asks for.

    Args:
        settings: Of the study.
        gpus: The GPUs of this machine; None: nobody could tell.
        cores: CPU cores this process may use.

    Raises:
        DeviceError: A GPU is asked for by name or number that is not there.
    """
    wanted = settings.devices
    devices = _find_devices(
        wanted.gpus, [gpu.uuid for gpu in gpus.gpus] if gpus else []
    )
    if devices:
        per_device = wanted.per_gpu
        total = per_device * len(devices)
    else:
        per_device = total = wanted.slots or max(1, cores // 2)
    return Slots(devices, per_device, threads=max(1, cores // total))


def _find_devices(
    wanted: str | Sequence[int | str], present: Sequence[str]
) -> tuple[str, ...]:
    if wanted == "none":
        return ()
    if isinstance(wanted, str):
        return tuple(present)
    found = []
    for name in wanted:
        if isinstance(name, int) and 0 <= name < len(present):
            found.append(present[name])
        elif name in present:
            found.append(str(name))
        else:
            there = ", ".join(present) or "none"
            raise DeviceError(
                f"devices.gpus: there is no GPU {name!r} here; there is: {there}"
            )
    return tuple(dict.fromkeys(found))
