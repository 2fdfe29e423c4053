"""File systems and the room on them."""

import errno
import os
from pathlib import Path

import pytest

from tuitrain.doctor.check import State
from tuitrain.doctor.disk import (
    FILES,
    QUOTA,
    SPACE,
    DiskFacts,
    QuotaFacts,
    judge_disk,
    read_disk,
    read_quota,
)
from tuitrain.doctor.filesystem import (
    FileSystem,
    Kind,
    StudiesFacts,
    find_mount,
    judge_studies,
    read_file_system,
    read_magic,
    read_studies,
    tell_kind,
)
from tuitrain.doctor.machine import Machine

GIB = 1 << 30
MIB = 1 << 20

MOUNTS = """\
22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
30 22 0:40 / /home rw,relatime shared:1 - nfs4 server:/home rw,vers=4.2
31 30 0:41 / /home/me/far rw,nosuid - fuse.sshfs me@far:/ rw
32 22 0:42 / /mnt/a\\040b rw - xfs /dev/sdb rw,usrquota
33 22 0:43 / /twice rw - ext4 /dev/sdc rw
34 22 0:44 / /twice rw - tmpfs none rw
broken line
"""


@pytest.mark.parametrize(
    ("path", "kind", "source"),
    [
        ("/srv", "ext4", "/dev/sda1"),
        ("/homework", "ext4", "/dev/sda1"),
        ("/home/me/runs", "nfs4", "server:/home"),
        ("/home/me/far/x", "fuse.sshfs", "me@far:/"),
        ("/mnt/a b/runs", "xfs", "/dev/sdb"),
        ("/twice/x", "tmpfs", "none"),
    ],
)
def test_a_folder_is_on_the_mount_nearest_above_it(path, kind, source):
    assert find_mount(MOUNTS, Path(path))[:2] == (kind, source)


@pytest.mark.parametrize(
    ("magic", "mounted_as", "name", "kind"),
    [
        (0xEF53, "ext4", "ext4", Kind.LOCAL),
        (0xEF53, "ext3", "ext3", Kind.LOCAL),
        (0xEF53, "", "ext4", Kind.LOCAL),
        (0x6969, "nfs4", "NFS", Kind.NETWORK),
        (0xFF534D42, "cifs", "CIFS", Kind.NETWORK),
        (0x47504653, "gpfs", "GPFS", Kind.NETWORK),
        (0x0BD00BD0, "lustre", "Lustre", Kind.NETWORK),
        (0x65735546, "fuse.sshfs", "fuse.sshfs", Kind.NETWORK),
        (0x65735546, "fuseblk", "fuseblk", Kind.LOCAL),
        (0x65735546, "", "FUSE", Kind.NETWORK),
        (0x794C7630, "overlay", "overlay", Kind.CONTAINER),
        (0x01021994, "tmpfs", "tmpfs", Kind.MEMORY),
        (0x12345, "newfs", "newfs", Kind.UNKNOWN),
        (0x12345, "", "type 0x12345", Kind.UNKNOWN),
    ],
)
def test_a_file_system_is_known_by_its_number(magic, mounted_as, name, kind):
    assert tell_kind(magic, mounted_as) == FileSystem(name=name, kind=kind)


@pytest.mark.parametrize(
    ("kind", "state", "words"),
    [
        (Kind.LOCAL, State.FINE, "local"),
        (Kind.NETWORK, State.WARNING, "one writer"),
        (Kind.MEMORY, State.WARNING, "reboot"),
        (Kind.CONTAINER, State.WARNING, "container"),
        (Kind.UNKNOWN, State.UNKNOWN, "not known"),
    ],
)
def test_what_becomes_of_a_study_depends_on_where_it_lies(kind, state, words):
    system = FileSystem(name="x", kind=kind)
    (check,) = judge_studies(StudiesFacts(path=Path("/a"), file_system=system))
    assert check.state is state
    assert words in check.found
    assert bool(check.mend) is (state is State.WARNING)


def test_a_folder_that_cant_be_written_is_told():
    facts = StudiesFacts(path=Path("/a"), file_system=FileSystem(), can_write=False)
    assert judge_studies(facts)[0].state is State.WARNING


def test_the_studies_folder_need_not_be_there_yet(tmp_path):
    facts = read_studies(Machine(studies=tmp_path / "runs" / "deep"))
    assert facts.path == tmp_path
    assert facts.file_system.name
    assert judge_studies(facts)


def test_the_kernel_is_asked_for_the_kind_of_this_very_machine():
    assert read_magic(Path("/proc")) == 0x9FA0
    assert read_magic(Path("/dev/shm")) == 0x01021994
    assert read_file_system(Machine(), Path("/dev/shm")).kind is Kind.MEMORY
    with pytest.raises(OSError, match="No such file"):
        read_magic(Path("/nowhere"))


def disk(**facts) -> DiskFacts:
    values = {
        "path": Path("/a"),
        "total_bytes": 100 * GIB,
        "free_bytes": 50 * GIB,
        "total_files": 1_000_000,
        "free_files": 900_000,
        "quota": QuotaFacts(),
        **facts,
    }
    return DiskFacts(**values)


@pytest.mark.parametrize(
    ("name", "facts", "state"),
    [
        (SPACE, {}, State.FINE),
        (SPACE, {"free_bytes": 5 * GIB}, State.FINE),
        (SPACE, {"free_bytes": 5 * GIB - 1}, State.WARNING),
        (SPACE, {"total_bytes": 1000 * GIB, "free_bytes": 49 * GIB}, State.WARNING),
        (SPACE, {"free_bytes": 200 * MIB - 1}, State.BROKEN),
        (SPACE, {"total_bytes": 0, "free_bytes": 0}, State.BROKEN),
        (FILES, {}, State.FINE),
        (FILES, {"free_files": 49_000}, State.WARNING),
        (FILES, {"free_files": 999}, State.BROKEN),
        (FILES, {"free_files": 0, "total_files": 0}, State.FINE),
        (QUOTA, {}, State.FINE),
        (QUOTA, {"quota": None, "quota_refusal": "Permission denied"}, State.UNKNOWN),
        (QUOTA, {"quota": QuotaFacts(limit_bytes=90 * GIB)}, State.FINE),
        (
            QUOTA,
            {"quota": QuotaFacts(limit_bytes=90 * GIB, used_bytes=88 * GIB)},
            State.WARNING,
        ),
        (
            QUOTA,
            {"quota": QuotaFacts(limit_bytes=90 * GIB, used_bytes=91 * GIB)},
            State.BROKEN,
        ),
        (
            QUOTA,
            {"quota": QuotaFacts(limit_files=10**6, used_files=990_000)},
            State.WARNING,
        ),
        (
            QUOTA,
            {"quota": QuotaFacts(limit_files=10**6, used_files=10**6)},
            State.BROKEN,
        ),
    ],
)
def test_room_is_judged_before_it_is_gone(name, facts, state):
    check = next(c for c in judge_disk(disk(**facts)) if c.name == name)
    assert check.state is state
    assert bool(check.mend) is (state is not State.FINE)


def test_the_room_of_this_machine_is_read(tmp_path):
    facts = read_disk(Machine(studies=tmp_path / "runs"))
    assert 0 < facts.free_bytes <= facts.total_bytes
    assert {c.name for c in judge_disk(facts)} == {SPACE, FILES, QUOTA}


def test_a_server_does_not_tell_of_quotas():
    assert read_quota("server:/home", 1000)[0] is None
    assert read_quota("/dev/does-not-exist", os.getuid())[0] is None


@pytest.mark.parametrize(
    ("number", "is_none_there"),
    [(errno.ESRCH, True), (errno.ENOSYS, True), (errno.EPERM, False)],
)
def test_no_quota_and_no_permission_are_different_things(
    monkeypatch, number, is_none_there
):
    class FakeLibc:
        """Stand-in for the C library whose every call fails."""

        def quotactl(self, *_: object) -> int:
            return -1

    monkeypatch.setattr("ctypes.CDLL", lambda *_, **__: FakeLibc())
    monkeypatch.setattr("ctypes.get_errno", lambda: number)
    quota, refusal = read_quota("/dev/sda1", 1000)
    assert (quota == QuotaFacts()) is is_none_there
    assert bool(refusal) is not is_none_there
