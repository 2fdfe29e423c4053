"""When a supervisor gets a scope of its own; `systemd-run` is a labelled fake."""

import json
import os
import pwd

import pytest

from tests.flow.supervised import Supervised
from tuitrain.supervisor import ensure, find_running
from tuitrain.supervisor.scope import find_scope_command

SESSION = "0::/user.slice/user-1000.slice/session-3.scope\n"
LINGER = f"var/lib/systemd/linger/{pwd.getpwuid(os.getuid()).pw_name}"
FAKE = """#!/usr/bin/env python3
# Fake of systemd-run: notes how it was called, then becomes the command, as
# `systemd-run --scope` does.
import json, os, sys
with open(os.environ["FAKE_SYSTEMD_RUN"], "a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
if os.environ.get("FAKE_SYSTEMD_FAILS"):
    sys.exit("Failed to connect to bus: No medium found")
rest = sys.argv[sys.argv.index("--") + 1:]
os.execvp(rest[0], rest)
"""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with systemd, a user's manager, and a login session; all of it fake."""
    root = tmp_path / "machine"
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(SESSION)
    (root / "run/systemd/system").mkdir(parents=True)
    (root / "run/user/1000").mkdir(parents=True)
    (root / "run/user/1000/bus").touch()
    (root / LINGER).parent.mkdir(parents=True)
    (root / LINGER).touch()
    program = root / "bin/systemd-run"
    program.parent.mkdir()
    program.write_text(FAKE)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_SYSTEMD_RUN", str(root / "calls"))
    return root


def find(machine, **changes: str) -> list[str]:
    known = {
        "PATH": str(machine / "bin"),
        "XDG_RUNTIME_DIR": str(machine / "run/user/1000"),
    }
    return find_scope_command("my digits", root=machine, environment=known | changes)


def test_in_a_login_session_under_systemd_it_is_a_scope_of_its_own(machine):
    program, *arguments = find(machine)
    assert program == str(machine / "bin/systemd-run")
    assert arguments[:4] == ["--user", "--scope", "--quiet", "--collect"]
    assert arguments[4].startswith("--unit=tuitrain-my_digits-")
    assert arguments[-1] == "--"
    assert find(machine)[5] != arguments[4]


@pytest.mark.parametrize(
    "missing", ["bin/systemd-run", "run/systemd/system", "run/user/1000/bus", LINGER]
)
def test_where_a_part_of_systemd_is_missing_it_starts_as_ever(machine, missing):
    path = machine / missing
    path.rmdir() if path.is_dir() else path.unlink()
    assert find(machine) == []


def test_outside_of_a_session_there_is_nothing_to_leave(machine):
    (machine / "proc/self/cgroup").write_text("0::/user.slice/user@1000.service/x\n")
    assert find(machine) == []
    assert find(machine, XDG_RUNTIME_DIR="") == []


@pytest.mark.parametrize("fails", ["", "1"])
@pytest.mark.flow
def test_a_supervisor_starts_in_its_scope_or_else_without(
    machine, tmp_path, monkeypatch, fails
):
    prefix = [str(machine / "bin/systemd-run"), "--user", "--scope", "--"]
    monkeypatch.setattr(ensure, "find_scope_command", lambda _name: prefix)
    monkeypatch.setenv("FAKE_SYSTEMD_FAILS", fails)
    supervised = Supervised.create(tmp_path / "digits")
    try:
        supervised.ensure()
        assert find_running(supervised.folder) is not None
        (call,) = (machine / "calls").read_text().splitlines()
        assert json.loads(call)[:3] == ["--user", "--scope", "--"]
        assert "tuitrain.supervisor" in json.loads(call)
    finally:
        supervised.end()
