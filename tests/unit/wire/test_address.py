import os
import stat
import tempfile
from pathlib import Path

import pytest

from tuitrain.store import StudyFolder
from tuitrain.wire import (
    MAX_PATH_BYTES,
    WireError,
    find_socket_path,
    make_private_folder,
)


@pytest.fixture
def shared(tmp_path, monkeypatch):
    """A temporary folder of its own, short enough, and no folder of a session.

    pytest makes its own folder first, outside of it.
    """
    shared = Path(tempfile.mkdtemp(prefix="tt-", dir="/tmp"))
    monkeypatch.setenv("TMPDIR", str(shared))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    yield shared
    monkeypatch.setattr(tempfile, "tempdir", None)
    for path in sorted(shared.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    shared.rmdir()


def test_the_socket_lies_in_a_private_folder_under_the_temporary_one(shared, tmp_path):
    path = find_socket_path(StudyFolder(tmp_path / "digits"))
    assert path.parent == shared / f"tuitrain-{os.getuid()}"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_folder_of_the_session_comes_first_if_it_is_ours_alone(
    shared, tmp_path, monkeypatch
):
    session = shared / "run"
    session.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(session))
    study = StudyFolder(tmp_path / "digits")
    assert find_socket_path(study).parent == session / "tuitrain"
    session.chmod(0o755)
    assert find_socket_path(study).parent == shared / f"tuitrain-{os.getuid()}"


def test_a_study_has_one_socket_by_whatever_path_it_is_reached(shared, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    by_link = find_socket_path(StudyFolder(tmp_path / "link"))
    assert by_link == find_socket_path(StudyFolder(tmp_path / "real"))
    assert by_link != find_socket_path(StudyFolder(tmp_path / "other"))


def test_a_very_long_temporary_folder_is_passed_over(shared, tmp_path, monkeypatch):
    long = tmp_path / ("x" * 120)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    path = find_socket_path(StudyFolder(tmp_path / "digits"))
    assert path.parent == Path(f"/tmp/tuitrain-{os.getuid()}")
    assert len(os.fsencode(path)) <= MAX_PATH_BYTES


def test_a_folder_that_is_open_to_others_is_refused_with_what_to_do(shared):
    folder = shared / "open"
    folder.mkdir()
    folder.chmod(0o770)
    with pytest.raises(WireError, match=f"chmod 700 {folder}"):
        make_private_folder(folder)


def test_a_link_in_place_of_the_folder_is_refused(shared):
    (shared / "theirs").mkdir(mode=0o700)
    (shared / "link").symlink_to("theirs")
    with pytest.raises(WireError, match="no folder of ours"):
        make_private_folder(shared / "link")


def test_a_file_in_place_of_the_folder_is_refused(shared):
    (shared / "file").touch(mode=0o600)
    with pytest.raises(WireError):
        make_private_folder(shared / "file")


def test_a_folder_of_somebody_else_is_refused(shared, monkeypatch):
    folder = shared / "theirs"
    folder.mkdir(mode=0o700)
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    with pytest.raises(WireError, match="belongs to another user"):
        make_private_folder(folder)
