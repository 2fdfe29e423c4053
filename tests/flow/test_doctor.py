"""`tuitrain doctor` as a person calls it: the real machine, a real process."""

import json
import os
import subprocess
import sys

import pytest

from tests.flow.supervised import running
from tests.flow.waiting import wait_for
from tuitrain.commands import RunStep
from tuitrain.doctor.leftovers import read_abandoned
from tuitrain.doctor.machine import Machine
from tuitrain.doctor.sockets import read_stale_sockets

pytestmark = [pytest.mark.flow, pytest.mark.timeout(300)]


def doctor(cwd, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tuitrain", "doctor", *arguments],
        cwd=cwd,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def test_the_document_stands_alone_on_stdout_and_the_status_says_the_same(tmp_path):
    run = doctor(tmp_path, "--json")
    assert run.stderr == ""
    told = json.loads(run.stdout)
    checks = told["checks"]
    assert told["format"] == "tuitrain/1"
    assert all(set(check) == {"name", "state", "found", "mend"} for check in checks)
    states = {check["state"] for check in checks}
    assert states <= {"fine", "warning", "broken", "unknown"}
    assert run.returncode == ("broken" in states)
    names = {check["name"] for check in checks}
    assert {"tuitrain", "torch", "driver", "socket folder", "free space"} <= names
    assert list(tmp_path.iterdir()) == []


def test_a_study_whose_interpreter_is_gone_is_broken_and_fails(tmp_path):
    (tmp_path / "runs" / "digits").mkdir(parents=True)
    settings = tmp_path / "runs" / "digits" / "study.toml"
    settings.write_text('script = "train.py"\n[devices]\npython = "/gone/python"\n')
    run = doctor(
        tmp_path, COLUMNS="80", PYTHONIOENCODING="ascii", XDG_RUNTIME_DIR="/gone"
    )
    assert run.returncode == 1
    assert run.stderr == ""
    assert run.stdout.isascii()
    assert "\x1b" not in run.stdout
    assert "/gone/python" in run.stdout
    assert "XDG_RUNTIME_DIR=/gone is not there" in " ".join(run.stdout.split())
    words_too_long = max(len(word) for word in run.stdout.split()) > 50
    assert words_too_long or max(map(len, run.stdout.splitlines())) <= 80
    assert " broken" in run.stdout.splitlines()[-1]


def test_a_word_that_is_not_known_is_refused_in_one_line(tmp_path):
    run = doctor(tmp_path, "--bogus")
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1


@pytest.mark.usefixtures("standin")
def test_trials_of_a_killed_supervisor_are_found_from_any_folder(supervised, tmp_path):
    def find() -> list[list[str]]:
        found = read_abandoned(Machine.here(tmp_path / "elsewhere"))
        return [one.trials for one in found if one.study == supervised.folder.path]

    supervised.ask(RunStep())
    trials = wait_for(lambda: running(supervised, 2), "two trials")
    assert find() == []
    socket = supervised.ensure()
    assert socket not in read_stale_sockets(socket.parent)
    supervised.kill()
    assert find() == [[trial.trial for trial in trials]]
    assert socket in read_stale_sockets(socket.parent)
    supervised.ensure()
    assert find() == []
