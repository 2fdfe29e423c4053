import errno
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.flow.waiting import wait_for
from tuitrain.launch import ProcessIdentity, read_boot_id
from tuitrain.launch.identity import find_descendants, read_status

SLEEP = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]


@pytest.fixture
def sleeper():
    process = subprocess.Popen(SLEEP)
    yield process
    process.kill()
    process.wait()


def test_a_process_is_known_by_pid_start_and_boot(sleeper):
    identity = ProcessIdentity.of(sleeper.pid)
    assert identity is not None
    assert identity.boot_id == read_boot_id()
    assert identity.is_alive()
    assert ProcessIdentity.of(os.getpid()) != identity


def test_whoever_has_the_pid_now_is_not_meant(sleeper):
    identity = ProcessIdentity.of(sleeper.pid)
    assert identity is not None
    earlier = replace(identity, start_ticks=identity.start_ticks - 1)
    other_boot = replace(identity, boot_id="another")
    for stranger in (earlier, other_boot):
        assert not stranger.is_alive()
        assert stranger.open() is None
        assert stranger.send(signal.SIGKILL) is False
    assert sleeper.poll() is None


def test_a_signal_reaches_the_process_that_is_meant(sleeper):
    identity = ProcessIdentity.of(sleeper.pid)
    assert identity is not None
    assert identity.send(signal.SIGTERM)
    assert sleeper.wait() == -signal.SIGTERM
    assert identity.send(signal.SIGTERM) is False


def test_a_zombie_is_not_alive(sleeper):
    identity = ProcessIdentity.of(sleeper.pid)
    assert identity is not None
    sleeper.kill()
    wait_for(lambda: not identity.is_alive(), "its end")
    status = read_status(sleeper.pid)
    assert status is not None
    assert status.is_zombie


def test_there_is_no_identity_without_a_process():
    assert ProcessIdentity.of(2**22 + 1) is None


def test_descendants_are_found_in_whatever_session():
    nest = (
        "import subprocess, sys, time\n"
        f"subprocess.Popen({SLEEP!r}, start_new_session=True)\n"
        "time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-S", "-c", nest])
    try:
        (grandchild,) = wait_for(lambda: find_descendants(parent.pid), "a grandchild")
        found = find_descendants(os.getpid())
        assert grandchild in found
        assert ProcessIdentity.of(parent.pid) in found
        grandchild.send(signal.SIGKILL)
    finally:
        parent.kill()
        parent.wait()


def test_a_name_with_parentheses_and_blanks_is_read_over(tmp_path):
    copy = tmp_path / "a) R 1 (b"
    copy.symlink_to("/bin/sleep")
    process = subprocess.Popen([str(copy), "600"])
    try:
        status = read_status(process.pid)
        assert status is not None
        assert status.parent_pid == os.getpid()
    finally:
        process.kill()
        process.wait()


def test_what_can_not_be_told_does_not_count_as_dead(sleeper, monkeypatch):
    """As at the limit of open files, where nothing in /proc can be opened."""
    identity = ProcessIdentity.of(sleeper.pid)
    assert identity is not None

    def refuse(_path):
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert identity.is_alive()
    with pytest.raises(OSError, match="Too many"):
        identity.open()
