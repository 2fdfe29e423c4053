"""Whether torch and the driver fit each other."""

import re
import shlex
from collections.abc import Iterable
from typing import Final

from tuitrain.doctor.check import Check, broken, fine, warning
from tuitrain.doctor.gpu_probe import DriverFacts
from tuitrain.doctor.interpreters import TorchFacts

CUDA: Final = "torch on GPUs"

WHEELS: Final = ((11, 8), (12, 1), (12, 4), (12, 6), (12, 8), (12, 9), (13, 0))
"""Versions of CUDA that torch is or was built for, as `cu118` and so on in the address."""

_INDEX: Final = "https://download.pytorch.org/whl"


def judge_cuda(torches: Iterable[TorchFacts], driver: DriverFacts) -> list[Check]:
    """Say whether each torch reaches the GPUs; nothing where there are none."""
    count = sum(bool(gpu.uuid) for gpu in driver.gpus)
    if count == 0:
        return []
    return [_judge(facts, driver, count) for facts in torches if facts.torch]


def parse_version(text: str | None) -> tuple[int, int] | None:
    """Return major and minor of `12.8`; None: it is no version."""
    match = re.match(r"(\d+)\.(\d+)", text or "")
    return (int(match[1]), int(match[2])) if match else None


def choose_wheel(driver: tuple[int, int] | None) -> str:
    """Return the address of the newest builds of torch that a driver supports."""
    fitting = [wheel for wheel in WHEELS if driver is None or wheel <= driver]
    if not fitting:
        return ""
    major, minor = fitting[-1]
    return f"{_INDEX}/cu{major}{minor}"


def _judge(facts: TorchFacts, driver: DriverFacts, count: int) -> Check:
    built = parse_version(facts.cuda)
    if built is None:
        what = f"ROCm {facts.hip}" if facts.hip else "the CPU"
        found = f"{facts.torch} is built for {what}: trials would not use the GPUs"
        return warning(CUDA, found, _install(facts, driver))
    supported = driver.cuda
    is_newer = supported is not None and built > supported
    if not facts.is_available:
        return _judge_unreachable(facts, driver, is_newer=is_newer)
    if len(facts.devices) < count:
        found = f"torch reaches {len(facts.devices)} of {count} GPUs"
        mend = f"{shlex.quote(facts.interpreter)} -m torch.utils.collect_env"
        return warning(CUDA, found, mend)
    if is_newer and supported is not None:
        found = (
            f"torch is built for CUDA {facts.cuda}, the driver knows "
            f"{supported[0]}.{supported[1]}: it works, but kernels compiled on the "
            "way (torch.compile, extensions) may not"
        )
        return warning(CUDA, found, _install(facts, driver))
    return fine(CUDA, f"all {count} reached" if count > 1 else "reached")


def _judge_unreachable(
    facts: TorchFacts, driver: DriverFacts, *, is_newer: bool
) -> Check:
    if is_newer and driver.cuda is not None:
        major, minor = driver.cuda
        found = (
            f"torch {facts.torch} is built for CUDA {facts.cuda}, the driver "
            f"({driver.driver}) supports {major}.{minor} at most"
        )
        return broken(CUDA, found, f"a newer driver, or: {_install(facts, driver)}")
    why = f": {facts.warned}" if facts.warned else ""
    found = f"torch {facts.torch} (CUDA {facts.cuda}) reaches no GPU{why}"
    mend = f"{shlex.quote(facts.interpreter)} -c 'import torch; torch.cuda.init()'"
    return broken(CUDA, found, mend)


def _install(facts: TorchFacts, driver: DriverFacts) -> str:
    index = choose_wheel(driver.cuda)
    if not index:
        return "a newer driver: no torch of today supports this one"
    python = shlex.quote(facts.interpreter)
    return f"{python} -m pip install --force-reinstall torch --index-url {index}"
