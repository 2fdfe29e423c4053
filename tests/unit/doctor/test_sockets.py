"""Where sockets lie: every refusal, and what killed supervisors left."""

import os
import socket
import tempfile
from pathlib import Path

import pytest

from tuitrain.doctor.check import State
from tuitrain.doctor.filesystem import FileSystem, Kind
from tuitrain.doctor.machine import Machine
from tuitrain.doctor.sockets import (
    RuntimeFacts,
    SocketFacts,
    judge_runtime,
    judge_socket,
    judge_stale_sockets,
    read_runtime,
    read_socket,
    read_stale_sockets,
)
from tuitrain.wire import WireError


@pytest.mark.parametrize(
    ("facts", "state", "mend"),
    [
        (RuntimeFacts(), State.FINE, ""),
        (RuntimeFacts(path="/run/user/7"), State.FINE, ""),
        (RuntimeFacts(path="/r", is_folder=False), State.WARNING, "enable-linger"),
        (RuntimeFacts(path="/r", is_link=True), State.WARNING, "unset"),
        (RuntimeFacts(path="/r", is_ours=False), State.WARNING, "unset"),
        (RuntimeFacts(path="/r d", mode=0o755), State.WARNING, "chmod 700 '/r d'"),
        (RuntimeFacts(path="/r", mode=0o500), State.WARNING, "chmod 700"),
    ],
)
def test_a_runtime_folder_that_is_passed_over_is_told_with_what_mends_it(
    facts, state, mend
):
    (check,) = judge_runtime(facts)
    assert check.state is state
    assert mend in check.mend


def test_a_runtime_folder_is_read_as_it_is(tmp_path):
    uid = os.getuid()
    assert read_runtime({}, uid) == RuntimeFacts()
    assert not read_runtime({"XDG_RUNTIME_DIR": "/nowhere"}, uid).is_folder
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    environ = {"XDG_RUNTIME_DIR": str(folder)}
    assert read_runtime(environ, uid) == RuntimeFacts(path=str(folder))
    assert not read_runtime(environ, uid + 1).is_ours
    folder.chmod(0o711)
    assert read_runtime(environ, uid).mode == 0o711
    link = tmp_path / "link"
    link.symlink_to(folder)
    assert read_runtime({"XDG_RUNTIME_DIR": str(link)}, uid).is_link


def place(path: str, kind: Kind = Kind.LOCAL) -> SocketFacts:
    return SocketFacts(path=Path(path), file_system=FileSystem(name="x", kind=kind))


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        (place("/tmp/t/a.sock"), State.FINE),
        (place("/run/user/7/a.sock", Kind.MEMORY), State.FINE),
        (place("/tmp/t/a.sock", Kind.CONTAINER), State.FINE),
        (place("/home/t/a.sock", Kind.NETWORK), State.BROKEN),
        (place("/tmp/" + "x" * 103), State.BROKEN),
        (place("/tmp/" + "x" * 102), State.FINE),
        (SocketFacts(refusal="no place"), State.BROKEN),
    ],
)
def test_a_socket_needs_a_short_path_on_a_local_disk(facts, state):
    (check,) = judge_socket(facts)
    assert check.state is state
    assert bool(check.mend) is (state is State.BROKEN)


def test_no_place_at_all_is_told_in_the_words_of_who_looked(monkeypatch, tmp_path):
    def refuse(_: object) -> Path:
        raise WireError("no place for the study's socket")

    monkeypatch.setattr("tuitrain.doctor.sockets.find_socket_path", refuse)
    facts = read_socket(Machine(studies=tmp_path))
    assert facts == SocketFacts(refusal="no place for the study's socket")


def test_the_real_place_is_found_here(tmp_path):
    facts = read_socket(Machine.here(tmp_path))
    assert facts.path is not None
    assert facts.path.parent.is_dir()
    assert facts.length_bytes == len(os.fsencode(facts.path))


def test_a_socket_at_which_nobody_listens_is_left_over():
    with (
        tempfile.TemporaryDirectory(dir="/tmp") as short,
        socket.socket(socket.AF_UNIX) as living,
        socket.socket(socket.AF_UNIX) as dead,
    ):
        folder = Path(short)
        living.bind(str(folder / "living.sock"))
        living.listen()
        dead.bind(str(folder / "dead.sock"))
        dead.close()
        assert read_stale_sockets(folder) == [folder / "dead.sock"]


def test_left_over_sockets_are_a_warning_that_names_some():
    assert judge_stale_sockets([])[0].state is State.FINE
    (check,) = judge_stale_sockets([Path(f"/tmp/t/{n}.sock") for n in range(9)])
    assert check.state is State.WARNING
    assert "9 left" in check.found
    assert check.mend.startswith("rm /tmp/t/0.sock /tmp/t/1.sock")
