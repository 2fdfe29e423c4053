"""All looks together: nothing that fails or hangs ends the report."""

import subprocess
import sys
import threading

import pytest

from tests.studies import StudyMaker
from tuitrain.doctor.ask import ask
from tuitrain.doctor.check import Check, State, fine, some
from tuitrain.doctor.examine import LOOKS, Look, examine
from tuitrain.doctor.leftovers import (
    Abandoned,
    find_shimmed,
    judge_abandoned,
    read_abandoned,
)
from tuitrain.doctor.machine import Machine, find_existing
from tuitrain.doctor.pending import Pending
from tuitrain.events import Step, TrialId, TrialStarted
from tuitrain.launch import ProcessIdentity, read_boot_id
from tuitrain.store import LogWriter


def test_a_look_that_fails_is_unknown_with_its_reason():
    def fail(_: Machine) -> list[Check]:
        raise PermissionError(13, "Permission denied", "/secret")

    (group,) = examine(Machine(), [Look("g", "n", fail)])
    assert group.checks[0].state is State.UNKNOWN
    assert "Permission denied" in group.checks[0].found


def test_a_look_that_hangs_is_unknown_and_holds_up_nobody():
    never = threading.Event()

    def hang(_: Machine) -> list[Check]:
        never.wait(60)
        return []

    looks = [
        Look("a", "hangs", hang, limit_s=0.1),
        Look("b", "first", lambda _: [fine("first", "")]),
        Look("a", "second", lambda _: [fine("second", "")]),
    ]
    groups = list(examine(Machine(), looks))
    never.set()
    assert [group.name for group in groups] == ["a", "b"]
    states = {c.name: c.state for group in groups for c in group.checks}
    assert states["hangs"] is State.UNKNOWN
    assert states["first"] is states["second"] is State.FINE


def test_the_looks_of_one_group_stand_side_by_side():
    names = [look.group for look in LOOKS]
    assert len(set(names)) == len(
        [n for i, n in enumerate(names) if i == 0 or names[i - 1] != n]
    )


def test_an_answer_may_be_an_error():
    assert Pending(lambda: 7).get(5.0) == 7
    with pytest.raises(ZeroDivisionError):
        Pending(lambda: 1 // 0).get(5.0)


@pytest.mark.parametrize(
    ("command", "out", "error"),
    [
        (["sh", "-c", "echo a"], "a\n", ""),
        (["sh", "-c", "echo a; echo b >&2; exit 1"], "a\n", "b"),
        (["sh", "-c", "kill -9 $$"], "", "it crashed (SIGKILL)"),
        (["no-such-program"], "", "no-such-program: there is no such program"),
    ],
)
def test_another_program_is_asked(command, out, error):
    answer = ask(command, limit_s=30.0)
    assert (answer.out, answer.error) == (out, error)


def test_the_nearest_folder_that_is_there_is_found(tmp_path):
    assert find_existing(tmp_path / "a" / "b") == tmp_path
    assert some(["a", "b", "c"], 2) == "a, b and 1 more"


def test_a_user_without_a_name_goes_by_the_number(monkeypatch, tmp_path):
    monkeypatch.setattr("os.getuid", lambda: 4_000_000)
    assert Machine.here(tmp_path).user == "4000000"


def start_trial(maker: StudyMaker, name: str, pid: int, ticks: int) -> None:
    trial = TrialId(name)
    folder = maker.folder.trial(trial)
    folder.path.mkdir()
    log = LogWriter(folder.state, f"{name}/state", maker.clock)
    started = TrialStarted(
        trial=trial,
        pid=pid,
        start_ticks=ticks,
        boot_id=read_boot_id(),
        shim_pid=pid,
        shim_start_ticks=ticks,
        device="cpu",
        threads=1,
        how="warm",
    )
    log.append([started])
    log.close()


def test_a_trial_that_runs_without_a_supervisor_is_found(tmp_path):
    maker = StudyMaker(tmp_path / "runs" / "digits")
    maker.trial("0001", Step.FIND_LR)
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        identity = ProcessIdentity.of(sleeper.pid)
        assert identity is not None
        start_trial(maker, "0002", identity.pid, identity.start_ticks)
        start_trial(maker, "0003", identity.pid, identity.start_ticks + 1)
        machine = Machine(root=tmp_path, studies=tmp_path / "runs")
        found = read_abandoned(machine)
        sleeper.kill()
    assert found == [Abandoned(study=maker.folder.path, trials=["0002"])]
    (check,) = judge_abandoned(found)
    assert check.state is State.WARNING
    assert f"tuitrain attach {maker.folder.path}" in check.mend
    assert read_abandoned(machine) == []
    assert judge_abandoned([])[0].state is State.FINE


def test_a_damaged_log_is_no_living_trial(tmp_path):
    folder = tmp_path / "runs" / "digits"
    (folder / "trials" / "0001").mkdir(parents=True)
    (folder / "journal.jsonl").touch()
    (folder / "trials" / "0001" / "state.jsonl").write_text("junk\n")
    machine = Machine(root=tmp_path, studies=tmp_path / "runs")
    assert read_abandoned(machine) == []


def test_studies_of_running_shims_are_found_wherever_they_lie(tmp_path):
    def make(pid: str, title: bytes, *files: str) -> None:
        folder = tmp_path / "proc" / pid
        (folder / "fd").mkdir(parents=True)
        (folder / "cmdline").write_bytes(title)
        for number, file in enumerate(files):
            (folder / "fd" / str(number)).symlink_to(file)

    make("7", b"tuitrain shim digits/0007\0", "/dev/null", "/far/digits/trials/0007")
    make("8", b"tuitrain supervisor digits\0", "/far/other/trials/0001")
    make("9", b"tuitrain shim digits/0008\0", "/far/digits/trials/0008")
    (tmp_path / "proc" / "10").mkdir()
    uid = (tmp_path / "proc").stat().st_uid
    machine = Machine(root=tmp_path, uid=uid)
    assert [str(path) for path in find_shimmed(machine)] == ["/far/digits"]
    assert find_shimmed(Machine(root=tmp_path, uid=uid + 1)) == []


def test_the_doctor_loads_no_torch():
    code = "import sys, tuitrain.doctor; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
