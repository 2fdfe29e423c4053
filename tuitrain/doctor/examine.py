"""All checks in order: what is looked at, in which group, with how much patience."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from tuitrain.clock import SYSTEM_CLOCK
from tuitrain.doctor.check import Check, fine, unknown
from tuitrain.doctor.cuda import judge_cuda
from tuitrain.doctor.disk import judge_disk, read_disk
from tuitrain.doctor.filesystem import judge_studies, read_studies
from tuitrain.doctor.gpus import judge_gpus, read_driver_facts, read_use
from tuitrain.doctor.interpreters import (
    find_interpreters,
    find_per_gpu,
    judge_torch,
    read_torch,
)
from tuitrain.doctor.kernel import judge_kernel, read_kernel
from tuitrain.doctor.leftovers import judge_abandoned, read_abandoned
from tuitrain.doctor.limits import judge_limits, read_limits
from tuitrain.doctor.logind import judge_logind, read_logind
from tuitrain.doctor.machine import Machine
from tuitrain.doctor.memory import (
    judge_memory,
    judge_shared,
    read_memory,
    read_shared,
)
from tuitrain.doctor.pending import Pending
from tuitrain.doctor.sockets import (
    STALE,
    judge_runtime,
    judge_socket,
    judge_stale_sockets,
    read_runtime,
    read_socket,
    read_stale_sockets,
)
from tuitrain.doctor.terminal import judge_terminal, read_terminal
from tuitrain.doctor.versions import judge_versions, read_versions

PATIENCE_S: Final = 15.0
"""For one look; a network disk that is gone makes whoever asks it wait for ever."""
DEVICES_S: Final = 120.0
"""For torch and the driver, whose processes have shorter limits of their own."""


@dataclass(frozen=True)
class Look:
    """One reading of facts and its judgement."""

    group: str
    name: str
    """Of the check that says why, should it fail."""
    take: Callable[[Machine], list[Check]]
    limit_s: float = PATIENCE_S


@dataclass(frozen=True)
class Group:
    """Checks that belong together."""

    name: str
    checks: list[Check]


def _look_at_stale_sockets(machine: Machine) -> list[Check]:
    path = read_socket(machine).path
    if path is None:
        return [fine(STALE, "none: there is no folder for them")]
    return judge_stale_sockets(read_stale_sockets(path.parent))


def _look_at_devices(machine: Machine) -> list[Check]:
    interpreters = find_interpreters(machine.studies)
    pending = [Pending(partial(read_torch, python)) for python in interpreters]
    driver = read_driver_facts(machine)
    torches = [one.get(DEVICES_S) for one in pending]
    use = read_use(machine, driver, find_per_gpu(machine.studies))
    return [
        *judge_torch(torches),
        *judge_gpus(driver, use),
        *judge_cuda(torches, driver),
    ]


LOOKS: Final = (
    Look("program", "Python", lambda _: judge_versions(read_versions())),
    Look("logout", "logind", lambda m: judge_logind(read_logind(m))),
    Look(
        "sockets",
        "runtime folder",
        lambda m: judge_runtime(read_runtime(m.environ, m.uid)),
    ),
    Look("sockets", "socket folder", lambda m: judge_socket(read_socket(m))),
    Look("sockets", STALE, _look_at_stale_sockets),
    Look("disk", "studies folder", lambda m: judge_studies(read_studies(m))),
    Look("disk", "free space", lambda m: judge_disk(read_disk(m))),
    Look("machine", "memory", lambda m: judge_memory(read_memory(m))),
    Look("machine", "shared memory", lambda m: judge_shared(read_shared(m))),
    Look("machine", "limits", lambda m: judge_limits(read_limits(m))),
    Look("machine", "kernel", lambda _: judge_kernel(read_kernel())),
    Look("terminal", "terminal", lambda m: judge_terminal(read_terminal(m.environ))),
    Look("torch and GPUs", "torch and GPUs", _look_at_devices, DEVICES_S),
    Look("studies", "trials alone", lambda m: judge_abandoned(read_abandoned(m))),
)
"""Every look, those of one group side by side."""


def examine(machine: Machine, looks: Sequence[Look] = LOOKS) -> Iterator[Group]:
    """Yield the groups in order, each as soon as it and those before it are known.

    All looks are taken at once, each in a thread of its own that nobody waits for
    longer than its limit: a look that fails or hangs is an unknown, never an end.
    """
    begun_s = SYSTEM_CLOCK.mono_s()
    pending = [(look, Pending(partial(look.take, machine))) for look in looks]
    for name in dict.fromkeys(look.group for look in looks):
        checks: list[Check] = []
        for look, answer in pending:
            if look.group == name:
                left_s = look.limit_s - (SYSTEM_CLOCK.mono_s() - begun_s)
                checks += _await(look, answer, left_s)
        yield Group(name, checks)


def _await(look: Look, answer: Pending[list[Check]], left_s: float) -> list[Check]:
    try:
        return answer.get(left_s)
    except TimeoutError:
        return [unknown(look.name, f"no answer within {look.limit_s:g} s")]
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
        why = f"can't be looked at ({type(error).__name__}: {error})"
        return [unknown(look.name, why)]
