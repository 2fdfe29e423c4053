"""The GPUs: what the driver says of them, and who is on them."""

import pwd
from dataclasses import dataclass, field
from typing import Final

import msgspec

from tuitrain.doctor.ask import ask
from tuitrain.doctor.check import Check, broken, fine, some, warning
from tuitrain.doctor.gpu_probe import DriverFacts, GpuFacts, GpuUser
from tuitrain.doctor.machine import Machine
from tuitrain.launch import module_command, module_environment
from tuitrain.units import format_bytes, format_percent

DRIVER: Final = "driver"
MIG: Final = "MIG"
PERSISTENCE: Final = "persistence"
ECC: Final = "ECC errors"
MODE: Final = "compute mode"
USERS: Final = "others on GPUs"
VISIBLE: Final = "visible GPUs"

DRIVER_S: Final = 30.0
"""Time the driver has; without persistence it starts up first, which takes seconds."""

_NVIDIA: Final = "0x10de"
_DISPLAY_CLASS: Final = "0x03"
_EXCLUSIVE: Final = (1, 3)
_PROHIBITED: Final = 2


@dataclass(frozen=True, kw_only=True)
class UseFacts:
    """How the GPUs are to be used, and by whom."""

    uid: int = 0
    names: dict[int, str] = field(default_factory=dict)
    """Of users, by number."""
    per_gpu: int = 1
    """Trials at once on one GPU, the most that a study asks for."""
    visible: str | None = None
    """`CUDA_VISIBLE_DEVICES` of this shell; None: not set."""


def read_driver_facts(machine: Machine, limit_s: float = DRIVER_S) -> DriverFacts:
    """Return what the driver says, asked by a process that it may crash or hang."""
    answer = ask(
        module_command("tuitrain.doctor.gpu_probe"),
        limit_s=limit_s,
        env=module_environment(),
    )
    try:
        facts = msgspec.json.decode(answer.out, type=DriverFacts)
    except msgspec.DecodeError:
        error = answer.error or "the answer makes no sense"
        facts = DriverFacts(error=error, has_crashed=True)
    return msgspec.structs.replace(
        facts, has_device=has_device(machine), cards_on_bus=count_cards(machine)
    )


def has_device(machine: Machine) -> bool:
    """Whether an NVIDIA driver has its device files here."""
    devices = machine.path("/dev").glob("nvidia[0-9]*")
    return any(devices) or machine.path("/proc/driver/nvidia/version").exists()


def count_cards(machine: Machine) -> int:
    """Return how many of NVIDIA's graphics cards the buses tell of."""
    vendors = machine.path("/sys/bus/pci/devices").glob("*/vendor")
    cards = 0
    for path in vendors:
        name = f"/sys/bus/pci/devices/{path.parent.name}"
        is_nvidia = (machine.read(f"{name}/vendor") or "").strip() == _NVIDIA
        kind = machine.read(f"{name}/class") or ""
        cards += is_nvidia and kind.startswith(_DISPLAY_CLASS)
    return cards


def read_use(machine: Machine, driver: DriverFacts, per_gpu: int) -> UseFacts:
    """Return how the GPUs are to be used, and the names of who is on them."""
    uids = {u.uid for gpu in driver.gpus for u in gpu.users or () if u.uid is not None}
    return UseFacts(
        uid=machine.uid,
        names={uid: _name(uid) for uid in uids},
        per_gpu=per_gpu,
        visible=machine.environ.get("CUDA_VISIBLE_DEVICES"),
    )


def judge_gpus(driver: DriverFacts, use: UseFacts) -> list[Check]:
    """Say what GPUs there are and what may go wrong on them."""
    if not driver.gpus:
        return [_judge_absence(driver)]
    checks = [_judge_driver(driver)]
    checks += [_judge_gpu(index, gpu) for index, gpu in enumerate(driver.gpus)]
    named = [(i, gpu) for i, gpu in enumerate(driver.gpus) if gpu.uuid]
    if named:
        checks += [
            _judge_persistence(named),
            *_judge_mig(named),
            _judge_ecc(named),
            _judge_mode(named, use.per_gpu),
            _judge_users(named, use),
        ]
    if use.visible is not None:
        checks.append(_judge_visible(use.visible))
    return checks


def _judge_absence(driver: DriverFacts) -> Check:
    reason = driver.error or "the driver counts none"
    if driver.has_device and driver.has_crashed:
        found = f"it does not answer: {reason}; trials run on the CPU"
        return broken(DRIVER, found, "nvidia-smi; if that hangs too: sudo reboot")
    if driver.has_device:
        found = f"it is there, but no GPU answers: {reason}; trials run on the CPU"
        return broken(DRIVER, found, "nvidia-smi; after an update of it: sudo reboot")
    if driver.cards_on_bus:
        found = (
            f"{driver.cards_on_bus} NVIDIA cards in this machine, but no driver "
            "(in a container: they are not passed on); trials run on the CPU"
        )
        mend = "install NVIDIA's driver; in a container: docker run --gpus all"
        return warning(DRIVER, found, mend)
    return fine(DRIVER, f"no GPU, trials run on the CPU ({reason})")


def _judge_driver(driver: DriverFacts) -> Check:
    cuda = "CUDA unknown"
    if driver.cuda is not None:
        cuda = f"CUDA up to {driver.cuda[0]}.{driver.cuda[1]}"
    count = len(driver.gpus)
    version = driver.driver or "of an unknown version"
    return fine(DRIVER, f"{version}, {cuda}, {count} GPU{'s' if count > 1 else ''}")


def _judge_gpu(index: int, gpu: GpuFacts) -> Check:
    name = f"GPU {index}"
    if not gpu.uuid:
        mend = "sudo dmesg | grep -i NVRM; then: sudo nvidia-smi -r, or sudo reboot"
        return broken(name, f"does not answer: {gpu.error}", mend)
    used = ""
    if gpu.memory_bytes and gpu.used_bytes is not None:
        share = format_percent(gpu.used_bytes / gpu.memory_bytes)
        used = f", {format_bytes(gpu.memory_bytes)}, {share} in use"
    return fine(name, f"{gpu.name or 'nameless'}{used}, {gpu.uuid}")


def _judge_persistence(gpus: list[tuple[int, GpuFacts]]) -> Check:
    off = [index for index, gpu in gpus if gpu.is_persistent is False]
    if off:
        found = f"off on {_gpus(off)}: the first use after a pause takes seconds"
        return warning(PERSISTENCE, found, "sudo nvidia-smi -pm 1")
    is_told = any(gpu.is_persistent for _, gpu in gpus)
    return fine(PERSISTENCE, "on" if is_told else "the driver does not tell")


def _judge_mig(gpus: list[tuple[int, GpuFacts]]) -> list[Check]:
    checks = []
    for index, gpu in gpus:
        if not gpu.has_mig:
            continue
        mend = f"sudo nvidia-smi -i {index} -mig 0"
        if gpu.mig_uuids:
            found = (
                f"on at GPU {index}: {some(gpu.mig_uuids, 8)}; tuitrain takes it for "
                "one GPU, of which CUDA uses the first slice only"
            )
            checks.append(warning(MIG, found, mend))
        else:
            found = f"on at GPU {index}, but without a slice: CUDA finds no device"
            checks.append(broken(MIG, found, f"{mend}, or make slices: -cgi"))
    return checks or [fine(MIG, "off")]


def _judge_ecc(gpus: list[tuple[int, GpuFacts]]) -> Check:
    bad = [f"{gpu.ecc_errors:,} on GPU {i}" for i, gpu in gpus if gpu.ecc_errors]
    if bad:
        found = f"uncorrected: {some(bad)}; values in its memory may be wrong"
        mend = "nvidia-smi -q -d ECC; then a reset: sudo nvidia-smi -r"
        return warning(ECC, found, mend)
    is_told = any(gpu.ecc_errors is not None for _, gpu in gpus)
    return fine(ECC, "none uncorrected" if is_told else "not counted on these GPUs")


def _judge_mode(gpus: list[tuple[int, GpuFacts]], per_gpu: int) -> Check:
    closed = [index for index, gpu in gpus if gpu.compute_mode == _PROHIBITED]
    if closed:
        found = f"prohibited on {_gpus(closed)}: nothing can compute there"
        return broken(MODE, found, f"sudo nvidia-smi -i {_list(closed)} -c 0")
    exclusive = [index for index, gpu in gpus if gpu.compute_mode in _EXCLUSIVE]
    if exclusive and per_gpu > 1:
        found = (
            f"exclusive on {_gpus(exclusive)}, but a study asks for {per_gpu} trials "
            "on each: all but one will fail"
        )
        mend = (
            "per_gpu = 1 in its study.toml, or: sudo nvidia-smi "
            f"-i {_list(exclusive)} -c 0"
        )
        return warning(MODE, found, mend)
    if exclusive:
        return fine(MODE, f"exclusive on {_gpus(exclusive)}: one trial on each")
    return fine(MODE, "default: several processes may share a GPU")


def _judge_users(gpus: list[tuple[int, GpuFacts]], use: UseFacts) -> Check:
    if all(gpu.users is None for _, gpu in gpus):
        return fine(USERS, "the driver does not tell")
    others = [
        _describe(index, user, use)
        for index, gpu in gpus
        for user in gpu.users or ()
        if user.uid != use.uid
    ]
    if not others:
        return fine(USERS, "nobody")
    taken = {i for i, gpu in gpus if any(u.uid != use.uid for u in gpu.users or ())}
    free = [index for index, _ in gpus if index not in taken]
    mend = "ask them"
    if free:
        mend = f"leave them alone: tuitrain run SCRIPT --gpus {_list(free)}"
    return warning(USERS, some(others, 8), mend)


def _describe(index: int, user: GpuUser, use: UseFacts) -> str:
    who = "not to be seen from here"
    if user.uid is not None:
        who = use.names.get(user.uid, str(user.uid))
    memory = user.memory_bytes
    took = f", {format_bytes(memory)}" if memory is not None else ""
    return f"GPU {index}: process {user.pid} ({who}{took})"


def _judge_visible(visible: str) -> Check:
    shown = f"CUDA_VISIBLE_DEVICES={visible}"
    found = f"{shown} is set, but trials get their own: tuitrain uses every GPU"
    return warning(VISIBLE, found, f"tuitrain run SCRIPT --gpus {visible or 'none'}")


def _gpus(indices: list[int]) -> str:
    return f"GPU {', '.join(map(str, indices))}"


def _list(indices: list[int]) -> str:
    return ",".join(map(str, indices))


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
