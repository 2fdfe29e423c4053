"""What a logout takes away, judged from made-up facts and read from made-up trees."""

import getpass
from dataclasses import replace
from pathlib import Path

import pytest

from tuitrain.doctor.check import Check, State
from tuitrain.doctor.logind import (
    IPC,
    KILL,
    LINGER,
    LogindFacts,
    judge_logind,
    read_bus_value,
    read_files,
    read_logind,
)
from tuitrain.doctor.machine import Machine

SESSION = "/user.slice/user-1000.slice/session-4.scope"
MANAGER = "/user.slice/user-1000.slice/user@1000.service/app.slice/run-1.scope"


def judge(name: str, **facts) -> Check:
    return next(c for c in judge_logind(LogindFacts(**facts)) if c.name == name)


def test_without_logind_nothing_is_cleaned_up():
    (check,) = judge_logind(LogindFacts(is_here=False))
    assert check.state is State.FINE
    assert "no systemd-logind" in check.found


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({"kills": False, "cgroup": SESSION}, State.FINE),
        ({"kills": True, "cgroup": SESSION}, State.BROKEN),
        ({"kills": True, "cgroup": SESSION, "lingers": False}, State.BROKEN),
        ({"kills": True, "cgroup": SESSION, "gets_scope": True}, State.FINE),
        ({"kills": True, "cgroup": "/system.slice/cron.service"}, State.FINE),
        ({"kills": True, "cgroup": SESSION, "kill_exclude": ("me",)}, State.FINE),
        ({"kills": True, "cgroup": SESSION, "kill_only": ("you",)}, State.FINE),
        ({"kills": True, "cgroup": SESSION, "kill_only": ("me",)}, State.BROKEN),
        ({"kills": None, "cgroup": SESSION}, State.UNKNOWN),
        ({"kills": True, "cgroup": MANAGER, "lingers": True}, State.FINE),
        ({"kills": False, "cgroup": MANAGER, "lingers": False}, State.BROKEN),
    ],
)
def test_who_dies_at_a_logout_depends_on_setting_user_and_place(facts, state):
    assert judge(KILL, **facts).state is state


def test_what_mends_a_killed_session_depends_on_what_is_missing_for_a_scope():
    mend = judge(KILL, kills=True, cgroup=SESSION, lingers=False).mend
    assert "loginctl enable-linger me" in mend
    lingering = judge(KILL, kills=True, cgroup=SESSION, lingers=True)
    assert "can't be asked for a scope" in lingering.found
    assert "XDG_RUNTIME_DIR" in lingering.mend
    assert "enable-linger" not in lingering.mend


def test_not_lingering_is_a_warning_with_its_command():
    check = judge(LINGER, lingers=False)
    assert check.state is State.WARNING
    assert check.mend == "loginctl enable-linger me"
    assert judge(LINGER, lingers=True).state is State.FINE


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({"removes_ipc": True, "lingers": False}, State.WARNING),
        ({"removes_ipc": None, "lingers": False}, State.WARNING),
        ({"removes_ipc": True, "lingers": True}, State.FINE),
        ({"removes_ipc": False, "lingers": False}, State.FINE),
        ({"removes_ipc": True, "lingers": False, "uid": 0}, State.FINE),
    ],
)
def test_shared_memory_goes_with_the_last_logout_unless_something_spares_it(
    facts, state
):
    assert judge(IPC, **facts).state is state


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_what_is_compiled_in_is_read_from_the_comments_of_the_shipped_file(tmp_path):
    write(
        tmp_path,
        "etc/systemd/logind.conf",
        "# words\n[Login]\n#KillUserProcesses=no\nRemoveIPC=no\n#RemoveIPC=yes\n",
    )
    assert read_files(tmp_path) == {"KillUserProcesses": "no", "RemoveIPC": "no"}


def test_drop_ins_win_over_the_file_and_the_later_name_over_the_earlier(tmp_path):
    write(tmp_path, "etc/systemd/logind.conf", "[Login]\nKillUserProcesses=no\n")
    folder = "systemd/logind.conf.d"
    write(tmp_path, f"usr/lib/{folder}/50-a.conf", "[Login]\nKillUserProcesses=yes\n")
    assert read_files(tmp_path)["KillUserProcesses"] == "yes"
    write(tmp_path, f"run/{folder}/60-b.conf", "[Login]\nKillUserProcesses=no\n")
    assert read_files(tmp_path)["KillUserProcesses"] == "no"
    # The same name in /etc takes the place of the other one.
    write(tmp_path, f"etc/{folder}/60-b.conf", "[Login]\nKillOnlyUsers=a b\n")
    assert read_files(tmp_path) == {"KillUserProcesses": "yes", "KillOnlyUsers": "a b"}


@pytest.mark.parametrize("text", ["", "no section\n", "[Login]\n=\n", "[Other]\nA=1\n"])
def test_a_file_that_makes_no_sense_says_nothing(tmp_path, text):
    write(tmp_path, "etc/systemd/logind.conf", text)
    assert read_files(tmp_path) == {}


def test_a_tree_with_systemd_is_read_without_asking_the_real_one(tmp_path):
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    write(tmp_path, "etc/systemd/logind.conf", "[Login]\nKillUserProcesses=yes\n")
    write(tmp_path, "var/lib/systemd/linger/me", "")
    write(tmp_path, "proc/self/cgroup", f"1:name=systemd:{SESSION}\n0::/\n")
    facts = read_logind(Machine(root=tmp_path, uid=1000, user="me"))
    assert facts == LogindFacts(
        kills=True, removes_ipc=None, lingers=True, cgroup=SESSION
    )
    assert facts.place == "session"


def test_a_study_gets_a_scope_where_the_supervisor_would_ask_for_one(tmp_path):
    program = tmp_path / "bin/systemd-run"
    program.parent.mkdir()
    program.touch(0o755)
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    write(tmp_path, "etc/systemd/logind.conf", "[Login]\nKillUserProcesses=yes\n")
    write(tmp_path, "proc/self/cgroup", f"0::{SESSION}\n")
    write(tmp_path, f"var/lib/systemd/linger/{getpass.getuser()}", "")
    environ = {"PATH": str(program.parent), "XDG_RUNTIME_DIR": str(runtime)}
    user = getpass.getuser()
    machine = Machine(root=tmp_path, uid=1000, user=user, environ=environ)

    def judge_kill() -> Check:
        # By default root, who may run this test, is spared.
        facts = replace(read_logind(machine), kill_exclude=())
        return judge_logind(facts)[0]

    assert judge_kill().state is State.BROKEN
    (runtime / "bus").touch()
    assert judge_kill().state is State.FINE


def test_folders_of_logind_without_systemd_are_no_logind(tmp_path):
    (tmp_path / "run/systemd/seats").mkdir(parents=True)
    assert not read_logind(Machine(root=tmp_path)).is_here


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("b true", "true"),
        ('as 2 "root" "me"', "root me"),
        ("as 0", ""),
    ],
)
def test_the_bus_and_the_file_say_the_same_in_the_end(line, value):
    assert read_bus_value(line) == value


def test_this_machine_can_be_read(tmp_path):
    assert judge_logind(read_logind(Machine.here(tmp_path)))
