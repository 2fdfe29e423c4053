"""Scripts that a person starts: they run as ever, and leave a trial folder."""

import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

import tuitrain
from tests.unit.worker.conftest import OWN_LOOP, TASK, read_events
from tuitrain.events import (
    CheckpointSaved,
    EpochEnded,
    OutcomeKind,
    PointsMeasured,
    Step,
    TaskDescribed,
    TrialFinished,
    TrialId,
    TrialLimits,
)
from tuitrain.store import TrialFolder, TrialSpec, write_spec
from tuitrain.worker.supervised import offer_session


@pytest.fixture
def start(tmp_path):
    """Start a script as a person does, `python train.py`."""

    def run(source: str, **options) -> subprocess.CompletedProcess[str]:
        script = tmp_path / "train.py"
        script.write_text(source)
        return subprocess.run(
            [sys.executable, script.name],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=100,
            **options,
        )

    return run


def finished_of(path) -> TrialFinished:
    return [e for e in read_events(path) if isinstance(e, TrialFinished)][-1]


def test_a_script_that_raises_leaves_its_traceback_and_its_status(start, tmp_path):
    ran = start(OWN_LOOP.replace("        run.log(", "        1 / 0\n        run.log("))
    assert ran.returncode == 1
    assert "ZeroDivisionError" in ran.stderr
    last = finished_of(tmp_path / "runs" / "train" / "points.jsonl")
    assert last.outcome is OutcomeKind.RAISED
    assert last.message.endswith("ZeroDivisionError: division by zero")
    assert "1 / 0" in last.traceback


def test_sigterm_ends_the_script_and_loses_no_point(tmp_path):
    source = OWN_LOOP.replace("run.epochs(2)", "run.epochs(10**9)")
    (tmp_path / "train.py").write_text(source)
    process = subprocess.Popen([sys.executable, "train.py"], cwd=tmp_path)
    path = tmp_path / "runs" / "train" / "points.jsonl"
    deadline = time.monotonic() + 60
    while not (path.exists() and b"EpochEnded" in path.read_bytes()):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 128 + signal.SIGTERM
    last = finished_of(path)
    assert last.outcome is OutcomeKind.STOPPED
    logged = [
        iteration
        for event in read_events(path)
        if isinstance(event, PointsMeasured) and "loss" in event.values
        for iteration in event.iteration
    ]
    assert logged[-1] >= last.iteration - 1


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run_by_hand_changes_nothing_and_measures(in_folder):
    values = {"lr": 0.1}
    with tuitrain.init(config=values, name="mine") as run:
        assert run.config == values
        assert run.step is None
        seen = []
        for epoch in run.epochs(2):
            for batch in run.batches([1, 2, 3]):
                seen.append((epoch, batch))
                run.log({"loss": 0.5})
            run.log_validation({"loss": 0.4, "val_f1": 0.9})
    assert seen == [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (1, 3)]
    assert run.folder.resolve() == in_folder / "runs" / "mine"
    events = read_events(run.folder / "points.jsonl")
    names = {n for e in events if isinstance(e, PointsMeasured) for n in e.values}
    assert names == {"loss", "val_loss", "val_f1", "samples_per_s"}
    assert not [e for e in events if isinstance(e, CheckpointSaved)]
    assert events[-1] == TrialFinished(
        trial=TrialId("mine"), outcome=OutcomeKind.COMPLETED, iteration=6
    )


def test_a_second_run_of_the_same_name_gets_a_number(in_folder):
    for _ in range(2):
        tuitrain.init(name="mine", dir="elsewhere").finish()
    assert sorted(os.listdir("elsewhere")) == ["mine", "mine-2"]


def test_without_batches_or_watch_each_log_is_an_iteration(in_folder):
    run = tuitrain.init(name="mine")
    for value in (0.3, 0.2):
        run.log({"loss": value})
    run.finish()
    (points,) = [
        e
        for e in read_events(run.folder / "points.jsonl")
        if isinstance(e, PointsMeasured)
    ]
    assert points.iteration == [1, 2]


def test_a_nan_does_not_end_a_run_by_hand(in_folder):
    run = tuitrain.init(name="mine")
    seen = 0
    for _ in run.batches(range(5)):
        seen += 1
        run.log({"loss": float("nan")})
        run._session.recorder.flush()
    run.finish()
    assert seen == 5
    assert finished_of(run.folder / "points.jsonl").outcome is OutcomeKind.COMPLETED


def test_an_exception_in_the_block_is_told_and_goes_on(in_folder):
    with pytest.raises(KeyError), tuitrain.init(name="mine") as run:
        raise KeyError("lost")
    last = finished_of(run.folder / "points.jsonl")
    assert last.outcome is OutcomeKind.RAISED
    assert last.message.endswith("KeyError: 'lost'")


def test_an_interrupted_run_is_a_stopped_one(in_folder):
    with pytest.raises(KeyboardInterrupt), tuitrain.init(name="mine") as run:
        raise KeyboardInterrupt
    assert finished_of(run.folder / "points.jsonl").outcome is OutcomeKind.STOPPED


def test_a_folder_that_can_not_be_made_never_stops_a_script(in_folder, capfd):
    (in_folder / "runs").write_text("a file is in the way")
    run = tuitrain.init(name="mine")
    for batch in run.batches([1]):
        run.log({"loss": float(batch)})
    run.finish()
    assert "nothing is recorded" in capfd.readouterr().err


def test_a_log_call_that_makes_no_sense_never_stops_a_script(in_folder):
    run = tuitrain.init(name="mine")
    run.log(0.5)  # type: ignore[arg-type]
    run.log({"loss": None, "name": "x"})  # type: ignore[dict-item]
    run.log({3: 0.5, "loss": 0.25})  # type: ignore[dict-item]
    run.finish()
    events = read_events(run.folder / "points.jsonl")
    assert isinstance(events[-1], TrialFinished)
    assert [e for e in events if isinstance(e, PointsMeasured)][-1].values["loss"] == [
        0.25
    ]


def test_a_configuration_notes_what_is_read_of_it(in_folder):
    run = tuitrain.init(config={"lr": 0.1, "width": 3, "layers": [1, 2]}, name="mine")
    assert run.config.get("momentum", 0.9) == 0.9
    assert run.config["width"] == 3
    run.finish()
    (described,) = [
        e
        for e in read_events(run.folder / "points.jsonl")
        if isinstance(e, TaskDescribed)
    ]
    assert described.config_read == ["momentum", "width"]
    assert dict(**run.config) == {"lr": 0.1, "width": 3, "layers": [1, 2]}
    assert run.config.asked == ["momentum", "width", "lr", "layers"]


def test_a_task_trains_prints_its_epochs_and_says_what_comes_next(in_folder, capsys):
    script: dict[str, Any] = {}
    exec(TASK, script)
    folder = tuitrain.train(script["task"], lr=0.05, epochs=2, name="mine", width=3)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("epoch 1/2  loss ")
    assert "val_accuracy" in lines[1]
    assert lines[2].startswith("runs/mine: `tuitrain replay runs/mine`")
    events = read_events(folder / "points.jsonl")
    assert finished_of(folder / "points.jsonl").outcome is OutcomeKind.COMPLETED
    assert len([e for e in events if isinstance(e, EpochEnded)]) == 2
    # As often as costs little; at the end in any case.
    saved = [e for e in events if isinstance(e, CheckpointSaved)]
    assert saved[-1].epoch == 2


def test_a_task_that_raises_does_so_and_is_told(in_folder):
    def task(trial):
        raise KeyError(trial.get("width", 8))

    with pytest.raises(KeyError):
        tuitrain.train(task, name="mine", width=3)
    last = finished_of(in_folder / "runs" / "mine" / "points.jsonl")
    assert last.outcome is OutcomeKind.RAISED
    assert last.message.endswith("KeyError: 3")


def test_a_task_that_can_not_be_used_ends_with_one_line(in_folder, capsys):
    with pytest.raises(SystemExit) as ended:
        tuitrain.train(lambda trial: None)  # type: ignore[arg-type, return-value]
    assert ended.value.code == 2
    assert "returned None, not a tuitrain.Task" in capsys.readouterr().err


def test_a_script_finds_its_trial_by_the_environment(start, tmp_path):
    folder = TrialFolder(tmp_path / "0003")
    folder.path.mkdir()
    spec = TrialSpec(
        trial=TrialId("0003"),
        study="small",
        script="train.py",
        step=Step.FIND_LR,
        config={"lr": 0.1, "weight_decay": 0.0},
        limits=TrialLimits(iterations=3),
    )
    write_spec(folder.spec, spec)
    ran = start(OWN_LOOP, env={**os.environ, "TUITRAIN_TRIAL": str(folder.path)})
    assert ran.returncode == 0, ran.stderr
    assert finished_of(folder.points).iteration == 3


def test_a_process_that_a_trial_started_writes_nothing_to_its_log(
    run_script, monkeypatch
):
    ran = run_script(OWN_LOOP, function=None)
    before = ran.folder.points.read_bytes()
    monkeypatch.setenv("TUITRAIN_TRIAL", str(ran.folder.path))
    monkeypatch.setattr(
        "tuitrain.worker.supervised.finish_at_exit", lambda session: None
    )
    run = tuitrain.init()
    assert run.config["lr"] == 0.05
    run.log({"loss": 0.5})
    run.finish()
    offer_session(None)
    assert ran.folder.points.read_bytes() == before
