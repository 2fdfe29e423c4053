"""Room for logs and checkpoints: bytes, files, and a quota if there is one."""

import ctypes
import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tuitrain.doctor.check import Check, broken, fine, unknown, warning
from tuitrain.doctor.filesystem import find_mount
from tuitrain.doctor.machine import Machine, find_existing
from tuitrain.units import format_bytes, format_percent

SPACE: Final = "free space"
FILES: Final = "free inodes"
QUOTA: Final = "quota"

SCARCE_BYTES: Final = 5 << 30
"""Ours: checkpoints of a few trials of a large network."""
SCARCE_RATIO: Final = 0.05
FULL_BYTES: Final = 200 << 20
"""Ours: less than the checkpoints of one trial of a middling network."""
FULL_FILES: Final = 1000
"""Ours: a study of a hundred trials has about so many files."""

_GET_USER_QUOTA: Final = 0x800007 << 8
_BLOCK_BYTES: Final = 1024


@dataclass(frozen=True, kw_only=True)
class QuotaFacts:
    """What a quota leaves this user; a limit of None: there is none."""

    limit_bytes: int | None = None
    used_bytes: int = 0
    limit_files: int | None = None
    used_files: int = 0


@dataclass(frozen=True, kw_only=True)
class DiskFacts:
    """The file system that studies are written to."""

    path: Path
    total_bytes: int
    free_bytes: int
    """For this user: what is kept back for root is left out."""
    total_files: int = 0
    """0: the file system has no fixed number of them."""
    free_files: int = 0
    quota: QuotaFacts | None = None
    """None: it can't be read."""
    quota_refusal: str = ""


class _DiskQuota(ctypes.Structure):
    """`struct if_dqblk` of `linux/quota.h`."""

    _fields_ = [
        ("hard_blocks", ctypes.c_uint64),
        ("soft_blocks", ctypes.c_uint64),
        ("used_bytes", ctypes.c_uint64),
        ("hard_files", ctypes.c_uint64),
        ("soft_files", ctypes.c_uint64),
        ("used_files", ctypes.c_uint64),
        ("block_grace", ctypes.c_uint64),
        ("file_grace", ctypes.c_uint64),
        ("valid", ctypes.c_uint32),
    ]


def read_disk(machine: Machine) -> DiskFacts:
    """Return how much room there is for studies.

    Raises:
        OSError: The file system does not tell.
    """
    path = find_existing(machine.studies)
    status = os.statvfs(path)
    mounts = machine.read("/proc/self/mountinfo") or ""
    _, source, _ = find_mount(mounts, path.resolve())
    quota, refusal = read_quota(source, machine.uid)
    return DiskFacts(
        path=path,
        total_bytes=status.f_blocks * status.f_frsize,
        free_bytes=status.f_bavail * status.f_frsize,
        total_files=status.f_files,
        free_files=status.f_favail,
        quota=quota,
        quota_refusal=refusal,
    )


def read_quota(source: str, uid: int) -> tuple[QuotaFacts | None, str]:
    """Return the quota of a user on a device, or None and why it can't be read."""
    if not source.startswith("/dev/"):
        return None, f"{source or 'this file system'} does not tell of quotas"
    quota = _DiskQuota()
    libc = ctypes.CDLL(None, use_errno=True)
    device = os.fsencode(source)
    if libc.quotactl(_GET_USER_QUOTA, device, uid, ctypes.byref(quota)) == 0:
        return (
            QuotaFacts(
                limit_bytes=quota.hard_blocks * _BLOCK_BYTES or None,
                used_bytes=quota.used_bytes,
                limit_files=quota.hard_files or None,
                used_files=quota.used_files,
            ),
            "",
        )
    number = ctypes.get_errno()
    if number in (errno.ESRCH, errno.ENOSYS, errno.ENOTSUP, errno.EINVAL):
        return QuotaFacts(), ""  # switched off there, or unknown to this kernel
    return None, os.strerror(number)


def judge_disk(facts: DiskFacts) -> list[Check]:
    """Say how much room is left."""
    return [_judge_space(facts), _judge_files(facts), _judge_quota(facts)]


def _judge_space(facts: DiskFacts) -> Check:
    free, total = facts.free_bytes, facts.total_bytes
    share = free / total if total else 0.0
    found = f"{format_bytes(free)} of {format_bytes(total)} ({format_percent(share)})"
    mend = f"make room: du -xh {facts.path} | sort -h | tail"
    if free < FULL_BYTES:
        return broken(SPACE, f"only {found}: logs and checkpoints stop", mend)
    if free < SCARCE_BYTES or share < SCARCE_RATIO:
        return warning(SPACE, f"only {found}", mend)
    return fine(SPACE, found)


def _judge_files(facts: DiskFacts) -> Check:
    free, total = facts.free_files, facts.total_files
    if total == 0:
        return fine(FILES, "as many as there is room for")
    found = f"{free:,} of {total:,} ({format_percent(free / total)})"
    mend = f"remove small files: du -x --inodes {facts.path} | sort -n | tail"
    if free < FULL_FILES:
        return broken(FILES, f"only {found}: no study can be made", mend)
    if free / total < SCARCE_RATIO:
        return warning(FILES, f"only {found}", mend)
    return fine(FILES, found)


def _judge_quota(facts: DiskFacts) -> Check:
    quota = facts.quota
    if quota is None:
        return unknown(QUOTA, facts.quota_refusal, "look yourself: quota -s")
    left = []
    if quota.limit_bytes is not None:
        left_bytes = max(0, quota.limit_bytes - quota.used_bytes)
        left.append(f"{format_bytes(left_bytes)} of {format_bytes(quota.limit_bytes)}")
        is_full, is_scarce = left_bytes < FULL_BYTES, left_bytes < SCARCE_BYTES
    else:
        is_full = is_scarce = False
    if quota.limit_files is not None:
        left_files = max(0, quota.limit_files - quota.used_files)
        left.append(f"{left_files:,} of {quota.limit_files:,} files")
        is_full |= left_files < FULL_FILES
        is_scarce |= left_files < SCARCE_RATIO * quota.limit_files
    if not left:
        return fine(QUOTA, "none for you here")
    found = f"{' and '.join(left)} left"
    mend = "make room, or ask an admin for more: quota -s"
    if is_full:
        return broken(QUOTA, f"only {found}", mend)
    if is_scarce:
        return warning(QUOTA, f"only {found}", mend)
    return fine(QUOTA, found)
