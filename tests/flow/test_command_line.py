"""The program as a person at a pipe uses it: real processes, real trainings."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tuitrain.data import demo_script
from tuitrain.events import Step
from tuitrain.store import StudyFolder
from tuitrain.supervisor import find_running
from tuitrain.supervisor.whereabouts import read_whereabouts

pytestmark = [pytest.mark.flow, pytest.mark.timeout(600)]

DEADLINE_S = 300.0
HEAD = """
import torch
from torch import nn
from torch.utils.data import TensorDataset
from tuitrain import Task, Trial

torch.manual_seed(1)
x = torch.randn(96, 4)
data = TensorDataset(x, (x[:, 0] > 0).long())
v = torch.randn(48, 4)
held_out = TensorDataset(v, (v[:, 0] > 0).long())
EMPTY = TensorDataset(x[:0], x[:0, 0].long())
"""
TASK = """
def task(trial: Trial) -> Task:
    return Task(
        model=nn.Linear(4, 2), train=data, val=held_out, batch_size=16,
        loss=nn.CrossEntropyLoss(),
        optimizer=lambda params: torch.optim.SGD(params, lr=trial.lr, momentum=0.9),
    )
"""
QUICK = """
script = "{script}"
function = "task"
[initial_loss]
batches = 5
initializations = 2
[overfit_small]
batches = 1
lrs = [1.0, 0.1]
iterations = 200
[find_lr]
lrs = [1.0, 0.1]
iterations = 40
[coarse_grid]
lr_factors = [1.0]
weight_decays = [0.0]
epochs = 1
[refine_grid]
best = 1
lr_factors = [0.5]
epochs = 3
"""


def _run(arguments, cwd, **options):
    return subprocess.run(
        [sys.executable, "-m", "tuitrain", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=DEADLINE_S,
        check=False,
        **options,
    )


def _start(arguments, cwd):
    return subprocess.Popen(
        [sys.executable, "-m", "tuitrain", *arguments],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _wait_for(condition, what):
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.05)


def _stop_supervisors(folder: Path) -> None:
    for path in folder.rglob("supervisor.json"):
        last = read_whereabouts(StudyFolder(path.parent))
        if last is not None:
            last.identity.send(signal.SIGTERM)


@pytest.fixture
def here(tmp_path):
    yield tmp_path
    _stop_supervisors(tmp_path)


@pytest.fixture
def quick(here):
    """A small script and the folder of its study, `study`, set to few iterations."""
    script = here / "train.py"
    script.write_text(HEAD + TASK)
    (here / "study").mkdir()
    (here / "study" / "study.toml").write_text(QUICK.replace("{script}", str(script)))
    return here


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Return where the demo ran, and the finished process."""
    folder = tmp_path_factory.mktemp("demo")
    done = _run(["demo", "--headless", "--json"], folder)
    yield folder, done
    _stop_supervisors(folder)


def test_the_demo_walks_all_six_steps(demo):
    folder, done = demo
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert [step["name"] for step in document["steps"]] == [s.value for s in Step]
    assert document["study"]["state"] == "finished"
    best = json.loads((folder / "runs/demo/best.json").read_text())
    assert best["metrics"]["val_accuracy"] >= 0.97
    assert document["best"]["metrics"]["val_accuracy"] >= 0.97


def test_the_demo_tells_its_progress_on_stderr(demo):
    _, done = demo
    starts = [line for line in done.stderr.splitlines() if ": started (round" in line]
    assert [line.split()[1] for line in starts] == ["1", "2", "3", "4", "5", "6"]


def test_a_replay_prints_what_the_live_run_printed_byte_for_byte(demo):
    folder, done = demo
    replayed = _run(["replay", "runs/demo", "--headless", "--json"], folder)
    assert replayed.returncode == 0
    assert replayed.stdout == done.stdout


def test_a_finished_study_run_again_prints_the_same_at_once(demo):
    folder, done = demo
    journal = folder / "runs/demo/journal.jsonl"
    before = journal.read_bytes()
    arguments = [f"{demo_script()}:task", "--study", "runs/demo", "--headless"]
    again = _run(["run", *arguments, "--json"], folder)
    assert again.stdout == done.stdout
    assert journal.read_bytes().startswith(before)
    assert b"StepStarted" not in journal.read_bytes()[len(before) :]


def test_stopping_a_finished_study_leaves_it_finished(demo):
    folder, done = demo
    assert "nothing runs" in _run(["stop", "demo"], folder).stdout
    assert _run(["replay", "runs/demo", "--json"], folder).stdout == done.stdout


def test_diagnose_gives_the_same_document(demo):
    folder, done = demo
    assert _run(["diagnose", "runs/demo", "--json"], folder).stdout == done.stdout


def test_a_study_goes_to_a_step_and_carries_on_from_there(quick):
    arguments = ["run", "train.py", "--study", "study", "--headless", "--json"]
    first = _run([*arguments, "--until", "find_lr"], quick)
    assert first.returncode == 0, first.stderr
    document = json.loads(first.stdout)
    assert document["study"]["state"] == "reached"
    assert [step["number"] for step in document["steps"]] == [1, 2, 3]
    again = _run([*arguments, "--until", "2"], quick)
    assert again.stdout == first.stdout
    rest = _run(arguments, quick)
    assert rest.returncode == 0, rest.stderr
    whole = json.loads(rest.stdout)
    assert [step["number"] for step in whole["steps"]] == [1, 2, 3, 4, 5, 6]
    assert whole["steps"][:3] == document["steps"]
    assert whole["trials"][: len(document["trials"])] == document["trials"]


def test_text_goes_to_stdout_with_curves_and_nothing_to_stderr(quick):
    arguments = ["run", "train.py", "--study", "study", "--headless", "--ascii"]
    done = _run([*arguments, "--until", "2"], quick)
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.isascii()
    assert "step 2 of 6 overfit small: PASS" in done.stdout
    assert "****" in done.stdout


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("raise RuntimeError('no data on this box')\n" + TASK, "no data on this box"),
        ("import nowhere_to_be_found\n" + TASK, "nowhere_to_be_found"),
        ("def task(trial):\n    return 3\n", "Task"),
        (HEAD + TASK.replace("train=data", "train=EMPTY"), "empty"),
    ],
    ids=["raises on import", "module missing", "wrong return type", "empty data set"],
)
def test_a_script_that_cant_be_used_is_refused_in_one_line(here, text, words):
    (here / "train.py").write_text(text)
    done = _run(["run", "train.py", "--headless"], here)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("tuitrain: ")
    assert words in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_script_that_raises_later_is_a_failed_trial_and_the_study_goes_on(quick):
    script = quick / "train.py"
    raising = TASK.replace("nn.CrossEntropyLoss()", "Fragile()").replace(
        "lr=trial.lr", "lr=note(trial.lr)"
    )
    fragile = """
lr, calls = 0.0, 0
def note(value):
    global lr
    lr = value
    return value
class Fragile(nn.CrossEntropyLoss):
    def forward(self, scores, labels):
        global calls
        calls += 1
        if lr == 1.0 and calls == 30:
            raise ValueError("thirty is enough")
        return super().forward(scores, labels)
"""
    script.write_text(HEAD + fragile + raising)
    arguments = ["run", "train.py", "--study", "study", "--headless", "--json"]
    done = _run([*arguments, "--until", "3"], quick)
    document = json.loads(done.stdout)
    failed = [trial for trial in document["trials"] if trial["state"] == "failed"]
    assert failed, done.stderr
    assert all("thirty is enough" in trial["note"] for trial in failed)
    assert [step["number"] for step in document["steps"]][-1] == 3
    out = quick / "study" / "trials" / failed[0]["id"] / "out.log"
    assert "ValueError: thirty is enough" in out.read_text()


def test_a_lost_terminal_and_ctrl_c_leave_the_study_running_and_stop_ends_it(quick):
    folder = StudyFolder(quick / "study")
    text = folder.settings.read_text().replace("epochs = 3", "epochs = 100000")
    folder.settings.write_text(text)
    arguments = ["run", "train.py", "--study", "study", "--headless"]
    process = _start(arguments, quick)
    _wait_for(lambda: len(folder.list_trials()) >= 8, "step 5")
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=DEADLINE_S)
    assert process.returncode == -signal.SIGHUP
    process = _start(arguments, quick)
    assert process.stdout is not None
    while "step 5 of 6" not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 130
    assert "detached; the study goes on" in said
    assert "tuitrain attach study" in said
    assert find_running(folder) is not None
    listed = json.loads(_run(["list", "--json", "."], quick).stdout)
    # Others may run elsewhere on this machine, and be listed too.
    ours = (quick / "study").resolve()
    (entry,) = [e for e in listed["studies"] if (quick / e["path"]).resolve() == ours]
    assert (entry["running"], entry["state"], entry["step"]) == (True, "running", 5)
    stopped = _run(["stop", "study"], quick)
    assert stopped.returncode == 0, stopped.stderr
    assert "stopped" in stopped.stdout
    document = json.loads(_run(["replay", "study", "--json"], quick).stdout)
    assert document["study"]["state"] == "stopped"
    assert document["trials"][-1]["state"] == "stopped"
    assert "nothing runs" in _run(["stop", "study"], quick).stdout


def test_a_supervisor_that_is_killed_is_replaced_and_the_run_goes_on(quick):
    folder = StudyFolder(quick / "study")
    arguments = ["run", "train.py", "--study", "study", "--headless"]
    process = _start(arguments, quick)
    _wait_for(lambda: len(folder.list_trials()) >= 3, "step 2")
    first = read_whereabouts(folder)
    assert first is not None
    os.kill(first.pid, signal.SIGKILL)
    said, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, said
    assert said.count("trials at once on") + said.count("trial at once on") == 2
    assert "study finished" in said
    document = json.loads(_run(["replay", "study", "--json"], quick).stdout)
    assert [step["number"] for step in document["steps"]] == [1, 2, 3, 4, 5, 6]
    assert document["damage"] == {"bad_lines": 0, "missing_records": 0}


def test_a_reader_that_goes_away_ends_the_printing_only(quick):
    folder = StudyFolder(quick / "study")
    process = _start(["run", "train.py", "--study", "study", "--headless"], quick)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    process.wait(timeout=DEADLINE_S)
    _wait_for(lambda: b"StudyEnded" in folder.journal.read_bytes(), "the study's end")
    assert process.returncode in (141, -signal.SIGPIPE)
