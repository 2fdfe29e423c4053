"""The interpreters that run scripts, and their torch, asked from outside."""

import shlex
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from tuitrain.doctor import torch_probe
from tuitrain.doctor.ask import ask
from tuitrain.doctor.check import Check, broken, fine
from tuitrain.launch import module_environment

TORCH: Final = "torch"

TORCH_S: Final = 90.0
"""Time an interpreter has; a first import from a network disk takes long."""
MOST_INTERPRETERS: Final = 4

_CUDA_VARIABLES: Final = ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES")


class TorchDevice(msgspec.Struct, frozen=True, kw_only=True):
    """One GPU as torch sees it."""

    name: str = ""
    uuid: str = ""


class TorchFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What one interpreter has."""

    interpreter: str = ""
    python: str = ""
    """Its version; empty: it could not be asked."""
    torch: str = ""
    """Its version; empty: there is none."""
    cuda: str | None = None
    """Version of CUDA that torch was built for; None: not for CUDA."""
    hip: str | None = None
    """The same for ROCm."""
    is_available: bool = False
    devices: list[TorchDevice] = []
    missing: list[str] = []
    """Other packages a trial needs that are not there."""
    warned: str = ""
    """What torch complained about while it looked for GPUs."""
    error: str = ""
    """Why nothing more is known."""


def find_interpreters(studies: Path) -> list[str]:
    """Return the interpreter that runs scripts by default, and those that studies name."""
    found = [sys.executable]
    for path in sorted(studies.glob("*/study.toml")):
        named = read_devices(path).get("python")
        if isinstance(named, str):
            found.append(named)
    return list(dict.fromkeys(found))[:MOST_INTERPRETERS]


def find_per_gpu(studies: Path) -> int:
    """Return the largest number of trials on one GPU that a study asks for; at least 1."""
    counts = [read_devices(p).get("per_gpu") for p in studies.glob("*/study.toml")]
    return max([1, *(count for count in counts if isinstance(count, int))])


def read_devices(settings: Path) -> dict[str, object]:
    """Return the section on devices of a `study.toml`; {}: none that can be read."""
    try:
        content = tomllib.loads(settings.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    devices = content.get("devices")
    return devices if isinstance(devices, dict) else {}


def read_torch(interpreter: str, limit_s: float = TORCH_S) -> TorchFacts:
    """Return what `interpreter` says of its torch, as a trial on a GPU would find it."""
    environment = module_environment(CUDA_DEVICE_ORDER="PCI_BUS_ID")
    # Trials get their own; what is set here would hide GPUs that they will see.
    for name in _CUDA_VARIABLES:
        environment.pop(name, None)
    answer = ask(
        [interpreter, "-P", str(Path(torch_probe.__file__))],
        limit_s=limit_s,
        env=environment,
    )
    if answer.error:
        return TorchFacts(interpreter=interpreter, error=answer.error)
    last = answer.out.rpartition(torch_probe.MARK)[2]
    try:
        facts = msgspec.json.decode(last, type=TorchFacts)
    except msgspec.DecodeError:
        return TorchFacts(interpreter=interpreter, error="its answer makes no sense")
    return msgspec.structs.replace(facts, interpreter=interpreter)


def judge_torch(facts: Iterable[TorchFacts]) -> list[Check]:
    """Say whether a script would find torch, one line an interpreter."""
    return [_judge(one) for one in facts]


def _judge(facts: TorchFacts) -> Check:
    python = shlex.quote(facts.interpreter)
    if not facts.python:
        found = f"{facts.interpreter}: {facts.error or 'does not answer'}"
        return broken(TORCH, found, f"see for yourself: {python} -c 'import torch'")
    where = f"in {facts.interpreter} (Python {facts.python})"
    if facts.error:
        found = f"can't be imported {where}: {facts.error}"
        return broken(TORCH, found, f"{python} -m pip install --force-reinstall torch")
    if not facts.torch:
        return broken(TORCH, f"not {where}", f"{python} -m pip install torch")
    if facts.missing:
        names = " ".join(facts.missing)
        found = f"{facts.torch} {where}, but what trials need as well is not: {names}"
        return broken(TORCH, found, f"{python} -m pip install {names}")
    return fine(TORCH, f"{facts.torch} ({_built_for(facts)}) {where}")


def _built_for(facts: TorchFacts) -> str:
    if facts.cuda:
        return f"for CUDA {facts.cuda}"
    return f"for ROCm {facts.hip}" if facts.hip else "for the CPU"
