"""Arguments with secrets: kept for their owner, and read back only if they are his."""

import os
import stat

import pytest

from tuitrain.store import read_given, write_given

ARGUMENTS = ("--token", "a secret", "")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "study.arguments"


def test_they_come_back_as_they_were_and_belong_to_their_owner(path):
    before = os.umask(0)
    try:
        write_given(path, ARGUMENTS)
    finally:
        os.umask(before)
    assert read_given(path) == ARGUMENTS
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_others_could_have_put_there_is_not_read(path, tmp_path):
    write_given(path, ARGUMENTS)
    link = tmp_path / "link.arguments"
    link.symlink_to(path)
    assert read_given(link) is None
    path.chmod(0o644)
    assert read_given(path) is None


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_another_users_file_is_not_read(path):
    write_given(path, ARGUMENTS)
    os.chown(path, 12345, 12345)
    assert read_given(path) is None


@pytest.mark.parametrize("content", [b"", b"[", b'{"arguments": [1]}', b"\xff"])
def test_what_is_damaged_counts_as_gone(path, content):
    path.write_bytes(content)
    path.chmod(0o600)
    assert read_given(path) is None
    assert read_given(path.with_name("none")) is None
