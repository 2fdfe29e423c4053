"""What kind of file system a folder is on: local, of a network, or gone after a boot."""

import ctypes
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from tuitrain.doctor.check import Check, fine, unknown, warning
from tuitrain.doctor.machine import Machine, find_existing

NAME: Final = "studies folder"


class Kind(StrEnum):
    """What may be expected of a file system."""

    LOCAL = "local"
    NETWORK = "network"
    """Others write too; locks, sockets and fresh sizes can't be relied on."""
    MEMORY = "memory"
    """Gone after the next boot."""
    CONTAINER = "container"
    """Gone with the container."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class FileSystem:
    """The file system that a folder is on."""

    name: str = ""
    """As people call it: `ext4`, `NFS`, `fuse.sshfs`."""
    kind: Kind = Kind.LOCAL
    source: str = ""
    """What is mounted: a device, or a server and its folder."""


@dataclass(frozen=True, kw_only=True)
class StudiesFacts:
    """The place where studies lie."""

    path: Path
    file_system: FileSystem
    can_write: bool = True


MAGIC: Final = {
    0xEF53: ("ext4", Kind.LOCAL),
    0x58465342: ("xfs", Kind.LOCAL),
    0x9123683E: ("btrfs", Kind.LOCAL),
    0x2FC12FC1: ("zfs", Kind.LOCAL),
    0xF2F52010: ("f2fs", Kind.LOCAL),
    0xCA451A4E: ("bcachefs", Kind.LOCAL),
    0x4D44: ("vfat", Kind.LOCAL),
    0x2011BAB0: ("exfat", Kind.LOCAL),
    0x5346544E: ("ntfs", Kind.LOCAL),
    0x01021994: ("tmpfs", Kind.MEMORY),
    0x858458F6: ("ramfs", Kind.MEMORY),
    0x794C7630: ("overlay", Kind.CONTAINER),
    0x61756673: ("aufs", Kind.CONTAINER),
    0x6969: ("NFS", Kind.NETWORK),
    0xFF534D42: ("CIFS", Kind.NETWORK),
    0xFE534D42: ("SMB", Kind.NETWORK),
    0x517B: ("SMB", Kind.NETWORK),
    0x47504653: ("GPFS", Kind.NETWORK),
    0x0BD00BD0: ("Lustre", Kind.NETWORK),
    0x5346414F: ("AFS", Kind.NETWORK),
    0x00C36400: ("CephFS", Kind.NETWORK),
    0x19830326: ("BeeGFS", Kind.NETWORK),
    0xAAD7AAEA: ("PanFS", Kind.NETWORK),
    0x7461636F: ("OCFS2", Kind.NETWORK),
    0x01161970: ("GFS2", Kind.NETWORK),
    0x01021997: ("9p", Kind.NETWORK),
    0x65735546: ("FUSE", Kind.NETWORK),
}
"""Numbers by which the kernel tells file systems apart (`linux/magic.h`, `man statfs`)."""

_LOCAL_FUSE: Final = ("fuseblk", "fuse.ntfs", "fuse.fuse-overlayfs", "fuse.ext")
"""FUSE is taken for a network unless the mount says that a disk is behind it."""


def read_file_system(machine: Machine, folder: Path) -> FileSystem:
    """Return the file system of `folder`, or of the nearest one above that is there."""
    path = find_existing(folder)
    mounts = machine.read("/proc/self/mountinfo") or ""
    name, source, _ = find_mount(mounts, path.resolve())
    return tell_kind(read_magic(path), name, source)


def read_magic(path: Path) -> int:
    """Return the number of the kind of file system at `path`.

    Raises:
        OSError: The kernel does not tell.
    """
    # The first word of the kernel's answer; the rest is what `os.statvfs` has as well.
    buffer = (ctypes.c_long * 64)()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.statfs(os.fsencode(path), ctypes.byref(buffer)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(path))
    return int(buffer[0]) & 0xFFFFFFFF


def tell_kind(magic: int, mounted_as: str, source: str = "") -> FileSystem:
    """Return what a file system is.

    Args:
        magic: The kernel's number for it.
        mounted_as: Its type in the table of mounts; empty: it is not in there.
        source: What is mounted.
    """
    known, kind = MAGIC.get(magic, ("", Kind.UNKNOWN))
    if known == "FUSE":
        if mounted_as.startswith(_LOCAL_FUSE):
            kind = Kind.LOCAL
        return FileSystem(name=mounted_as or known, kind=kind, source=source)
    # Relatives share a number (ext2 to ext4): the mount says which one it is.
    is_relative = known == "ext4" and mounted_as.startswith("ext")
    name = mounted_as if is_relative or not known else known
    return FileSystem(name=name or f"type {magic:#x}", kind=kind, source=source)


def find_mount(mountinfo: str, path: Path) -> tuple[str, str, str]:
    """Return type, source and options of the mount that `path` is on.

    Args:
        mountinfo: Content of `/proc/self/mountinfo`.
        path: Absolute, without links.
    """
    best, found = -1, ("", "", "")
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(), after.split()
        if len(fields) < 6 or len(kinds) < 2:
            continue
        point = Path(_unescape(fields[4]))
        depth = len(point.parts)
        # Of two mounts at one place the later one lies on top.
        if path.is_relative_to(point) and depth >= best:
            options = ",".join([fields[5], *kinds[2:]])
            best, found = depth, (kinds[0], _unescape(kinds[1]), options)
    return found


def read_studies(machine: Machine) -> StudiesFacts:
    """Return what is known of the place where studies lie."""
    path = find_existing(machine.studies)
    return StudiesFacts(
        path=path,
        file_system=read_file_system(machine, path),
        can_write=os.access(path, os.W_OK | os.X_OK),
    )


def judge_studies(facts: StudiesFacts) -> list[Check]:
    """Say what may become of logs that are written there."""
    path, system = facts.path, facts.file_system
    mend = "give a place on a local disk: tuitrain run SCRIPT --study DIR"
    if not facts.can_write:
        found = f"{path} can't be written; no study can be made here"
        return [warning(NAME, found, "cd to a folder of yours, or give --study DIR")]
    match system.kind:
        case Kind.NETWORK:
            found = (
                f"{path} is on {system.name}: every file has one writer, so logs stay "
                "whole, but locks may not hold and news come late"
            )
            return [warning(NAME, found, mend)]
        case Kind.MEMORY:
            found = f"{path} is on {system.name}: studies are gone after a reboot"
            return [warning(NAME, found, mend)]
        case Kind.CONTAINER:
            found = f"{path} is on {system.name}: studies go with the container"
            return [warning(NAME, found, "mount a folder of the host and work there")]
        case Kind.UNKNOWN:
            return [unknown(NAME, f"{path} is on {system.name}, not known to tuitrain")]
        case Kind.LOCAL:
            return [fine(NAME, f"{path} on {system.name}, local")]


def _unescape(word: str) -> str:
    """Undo the octal escapes of blanks in the table of mounts."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n")):
        word = word.replace(code, character)
    return word.replace("\\134", "\\")
