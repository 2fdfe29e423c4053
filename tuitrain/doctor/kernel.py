"""What tuitrain needs of the kernel, tried out in this very process."""

import ctypes
import os
import platform
import signal
from dataclasses import dataclass
from typing import Final

from tuitrain.doctor.check import Check, broken, fine

PIDFD: Final = "process handles"
SUBREAPER: Final = "orphans"

_PR_SET_CHILD_SUBREAPER: Final = 36
_PR_GET_CHILD_SUBREAPER: Final = 37
_MEND: Final = (
    "a kernel of 5.3 or newer; in a container: its seccomp profile must allow the call"
)


@dataclass(frozen=True, kw_only=True)
class KernelFacts:
    """What was tried; an empty word: it worked."""

    release: str = ""
    pidfd_refusal: str = ""
    subreaper_refusal: str = ""


def read_kernel() -> KernelFacts:
    """Try both calls on this process; everything is left as it was."""
    return KernelFacts(
        release=platform.release(),
        pidfd_refusal=_try_pidfd(),
        subreaper_refusal=_try_subreaper(),
    )


def judge_kernel(facts: KernelFacts) -> list[Check]:
    """Say whether the right process gets a signal, and none is left behind."""
    checks = [fine(PIDFD, f"pidfd works (kernel {facts.release})")]
    if facts.pidfd_refusal:
        found = (
            f"pidfd does not work ({facts.pidfd_refusal}, kernel {facts.release}): "
            "trials can't be watched or stopped"
        )
        checks = [broken(PIDFD, found, _MEND)]
    if facts.subreaper_refusal:
        found = (
            f"can't be adopted ({facts.subreaper_refusal}): DataLoader workers of a "
            "killed trial may live on and hold GPU memory"
        )
        return [*checks, broken(SUBREAPER, found, _MEND)]
    return [*checks, fine(SUBREAPER, "what a trial leaves behind can be ended")]


def _try_pidfd() -> str:
    try:
        descriptor = os.pidfd_open(os.getpid())
    except OSError as error:
        return error.strerror or str(error)
    try:
        # Signal 0 only asks whether one may.
        signal.pidfd_send_signal(descriptor, 0)
    except OSError as error:
        return error.strerror or str(error)
    finally:
        os.close(descriptor)
    return ""


def _try_subreaper() -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    before = ctypes.c_int(0)
    if libc.prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(before), 0, 0, 0) != 0:
        return os.strerror(ctypes.get_errno())
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        return os.strerror(ctypes.get_errno())
    libc.prctl(_PR_SET_CHILD_SUBREAPER, before.value, 0, 0, 0)
    return ""
