"""Deciding and writing down, on real files; no process and no socket."""

import errno
import os
import shutil
from pathlib import Path

import msgspec
import pytest
import tomli_w

from tests.unit.model.compared import plain
from tuitrain.checklist import RefusedError, SettingsError
from tuitrain.commands import ChangeSettings, RunStep, StopStudy
from tuitrain.events import (
    BestAccepted,
    SettingsChanged,
    StepEntered,
    StepStarted,
    StudyOpened,
    TrialId,
    TrialQueued,
)
from tuitrain.model import fold_all
from tuitrain.store import StoreError, StudyFolder
from tuitrain.supervisor.conductor import Conductor
from tuitrain.supervisor.failures import SupervisorError
from tuitrain.supervisor.lock import take_lock
from tuitrain.supervisor.streams import Line, StudyStreams
from tuitrain.supervisor.whereabouts import Whereabouts, write_whereabouts


@pytest.fixture
def folder(tmp_path) -> StudyFolder:
    folder = StudyFolder(Path(tmp_path) / "digits")
    folder.create()
    write_settings(folder)
    return folder


def write_settings(folder: StudyFolder, **changes: object) -> None:
    folder.settings.write_text(tomli_w.dumps({"script": "train.py", **changes}))


def conduct(folder: StudyFolder, relayed: list[Line] | None = None) -> Conductor:
    lines = [] if relayed is None else relayed
    past = StudyStreams(folder).read_journal()
    return Conductor(folder, past, lines.append)


def test_a_new_study_is_opened_with_what_was_asked(folder):
    relayed: list[Line] = []
    conductor = conduct(folder, relayed)
    opened = relayed[0].record.event
    assert isinstance(opened, StudyOpened)
    assert (opened.name, opened.script) == ("digits", "train.py")
    conductor.decide()
    assert isinstance(relayed[1].record.event, StepEntered)
    assert folder.journal.read_bytes().endswith(b"".join(x.line for x in relayed))


def test_whoever_reads_the_journal_knows_the_same(folder):
    conductor = conduct(folder)
    conductor.decide()
    conductor.answer(RunStep())
    conductor.decide()
    model = conductor.model
    conductor.close()
    again = conduct(folder)
    assert again.model == model
    lines = StudyStreams(folder).read_journal()
    assert fold_all(type(model)(), (x.record for x in lines)) == model


def test_deciding_twice_changes_nothing(folder):
    conductor = conduct(folder)
    conductor.answer(RunStep())
    conductor.decide()
    size = folder.journal.stat().st_size
    conductor.decide()
    assert folder.journal.stat().st_size == size
    assert len(conductor.model.trials) == 3


def test_a_supervisor_killed_between_two_records_loses_none_of_what_follows(folder):
    conductor = conduct(folder)
    conductor.answer(RunStep())
    conductor.decide()
    whole = folder.journal.read_bytes()
    expected = conductor.model.trials
    lines = whole.splitlines(keepends=True)
    started = max(i for i, x in enumerate(lines) if b'"StepStarted"' in x)
    for kept in range(started + 1, len(lines)):
        folder.journal.write_bytes(b"".join(lines[:kept]))
        again = conduct(folder)
        again.decide()
        assert [
            (t.trial, t.config, t.limits, t.seed) for t in again.model.trials.values()
        ] == [(t.trial, t.config, t.limits, t.seed) for t in expected.values()]


def test_what_can_not_be_written_did_not_happen_and_is_tried_again(folder, monkeypatch):
    conductor = conduct(folder)
    conductor.decide()
    before = conductor.model

    def full(*_args: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "write", full)
        with pytest.raises(StoreError, match="No space left on device"):
            conductor.answer(RunStep())
        assert conductor.model == before
    conductor.answer(RunStep())
    conductor.decide()
    assert len(conductor.model.trials) == 3


def test_an_edit_is_followed_before_the_next_command(folder):
    relayed: list[Line] = []
    conductor = conduct(folder, relayed)
    conductor.decide()
    write_settings(folder, initial_loss={"initializations": 5})
    conductor.answer(RunStep())
    conductor.decide()
    kinds = [type(line.record.event) for line in relayed]
    assert kinds.index(SettingsChanged) < kinds.index(StepStarted)
    assert kinds.count(TrialQueued) == 5


@pytest.mark.parametrize("text", ["script = ", "script = 3", "other = 1", "\xff"])
def test_a_broken_edit_refuses_commands_but_not_the_stop(folder, text):
    conductor = conduct(folder)
    conductor.decide()
    folder.settings.write_text(text, encoding="latin-1")
    with pytest.raises(SettingsError, match=r"study\.toml: "):
        conductor.answer(RunStep())
    conductor.answer(StopStudy())
    assert conductor.model.ended is not None


def test_a_broken_edit_does_not_keep_a_study_from_its_next_supervisor(folder):
    conductor = conduct(folder)
    settings = conductor.settings
    conductor.close()
    folder.settings.write_text("broken")
    assert conduct(folder).settings == settings


def test_a_study_that_never_had_settings_is_refused(folder):
    folder.settings.unlink()
    with pytest.raises(SupervisorError, match=r"study\.toml: can't be read"):
        conduct(folder)


def test_what_the_checklist_refuses_is_not_written(folder):
    conductor = conduct(folder)
    conductor.answer(RunStep())
    size = folder.journal.stat().st_size
    with pytest.raises(RefusedError):
        conductor.answer(RunStep())
    assert folder.journal.stat().st_size == size


def test_the_accepted_configuration_is_left_for_other_programs(folder):
    conductor = conduct(folder)
    accepted = BestAccepted(
        trial=TrialId("0007"),
        config={"lr": 0.01, "weight_decay": 0.0},
        metrics={"val_accuracy": 0.98, "val_loss": None},
        checkpoint="trials/0007/checkpoint.pt",
    )
    conductor.write([accepted])
    assert msgspec.json.decode(folder.best.read_bytes()) == {
        "format": "tuitrain-best/1",
        "study": "digits",
        "script": "train.py",
        "trial": "0007",
        "config": {"lr": 0.01, "weight_decay": 0.0},
        "metrics": {"val_accuracy": 0.98, "val_loss": None},
        "checkpoint": "trials/0007/checkpoint.pt",
    }


def test_what_was_accepted_is_left_once_its_file_can_be_written(folder):
    conductor = conduct(folder)
    accepted = BestAccepted(
        trial=TrialId("0007"), config={"lr": 0.01}, metrics={}, checkpoint=None
    )
    folder.best.mkdir()
    conductor.write([accepted])
    assert conductor.model.best == accepted
    with pytest.raises(StoreError, match=r"best\.json"):
        conductor.keep_best()
    folder.best.rmdir()
    conductor.keep_best()
    assert msgspec.json.decode(folder.best.read_bytes())["trial"] == "0007"


def test_the_next_supervisor_leaves_what_the_one_before_could_not(folder):
    conductor = conduct(folder)
    accepted = BestAccepted(
        trial=TrialId("0007"), config={"lr": 0.01}, metrics={}, checkpoint=None
    )
    conductor.write([accepted])
    conductor.close()
    folder.best.unlink()
    conduct(folder).keep_best()
    assert msgspec.json.decode(folder.best.read_bytes())["trial"] == "0007"


def test_the_lock_is_held_once_and_let_go(folder, tmp_path):
    socket = tmp_path / "s.sock"
    lock = take_lock(folder, socket)
    assert lock is not None
    assert take_lock(folder, socket) is None
    # Another login may look for the socket elsewhere; the study is still the same.
    assert take_lock(folder, tmp_path / "elsewhere.sock") is None
    lock.close()
    again = take_lock(folder, socket)
    assert again is not None
    again.close()


def test_a_living_supervisor_is_believed_even_without_its_lock(folder, tmp_path):
    parent = Whereabouts.of_this_process(folder, tmp_path / "s.sock")
    status = Path(f"/proc/{os.getppid()}/stat").read_text()
    ticks = int(status.rpartition(")")[2].split()[19])
    other = msgspec.structs.replace(parent, pid=os.getppid(), start_ticks=ticks)
    write_whereabouts(folder, other)
    assert take_lock(folder, tmp_path / "s.sock") is None
    write_whereabouts(folder, msgspec.structs.replace(other, start_ticks=ticks - 1))
    lock = take_lock(folder, tmp_path / "s.sock")
    assert lock is not None
    lock.close()


def test_settings_changed_by_command_are_on_file_and_in_the_journal(folder):
    folder.settings.write_text('# mine\nscript = "train.py"\n')
    relayed: list[Line] = []
    conductor = conduct(folder, relayed)
    conductor.decide()
    conductor.answer(ChangeSettings(settings={"initial_loss": {"initializations": 5}}))
    assert isinstance(relayed[-1].record.event, SettingsChanged)
    assert folder.settings.read_text().startswith('# mine\nscript = "train.py"\n')
    conductor.answer(RunStep())
    conductor.decide()
    kinds = [type(line.record.event) for line in relayed]
    assert kinds.count(SettingsChanged) == 1
    assert kinds.count(TrialQueued) == 5
    conductor.close()
    assert conduct(folder).settings.initial_loss.initializations == 5


def test_refused_settings_leave_file_and_journal_alone(folder):
    conductor = conduct(folder)
    conductor.answer(RunStep())
    conductor.decide()
    before = folder.settings.read_bytes(), folder.journal.read_bytes()
    with pytest.raises(SettingsError, match="allowed: a whole number"):
        conductor.answer(ChangeSettings(settings={"coarse_grid": {"epochs": 0}}))
    with pytest.raises(RefusedError, match="is running by this plan"):
        conductor.answer(ChangeSettings(settings={"initial_loss": {"batches": 1}}))
    assert before == (folder.settings.read_bytes(), folder.journal.read_bytes())


def test_settings_that_can_not_be_journaled_are_not_changed(folder, monkeypatch):
    conductor = conduct(folder)
    conductor.decide()
    before = folder.settings.read_bytes()
    settings = conductor.settings

    def full(*_args: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "write", full)
        with pytest.raises(StoreError):
            conductor.answer(ChangeSettings(settings={"seed": 9}))
    assert folder.settings.read_bytes() == before
    assert conductor.settings == settings
    conductor.answer(RunStep())
    assert conductor.model.settings["seed"] == 0


def test_a_supervisor_killed_before_the_journal_says_so_finds_the_change(
    folder, monkeypatch
):
    conductor = conduct(folder)
    conductor.decide()
    monkeypatch.setattr(conductor, "write", lambda _events: None)
    conductor.answer(ChangeSettings(settings={"seed": 9}))
    again = conduct(folder)
    assert again.settings.seed == 9
    assert again.model.settings["seed"] == 9


def test_a_draft_left_by_a_crash_is_not_taken_for_the_settings(folder, monkeypatch):
    conductor = conduct(folder)
    conductor.decide()
    before = folder.settings.read_bytes()

    def crash(*_args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as end:
        end.setattr(Path, "replace", crash)
        with pytest.raises(KeyboardInterrupt):
            conductor.answer(ChangeSettings(settings={"seed": 9}))
    assert folder.settings.read_bytes() == before
    assert conduct(folder).settings.seed == 0


def test_a_secret_in_the_settings_is_on_no_record_and_stays_where_it_was_put(folder):
    write_settings(folder, arguments=["--token", "q7", "--data", "here"])
    conductor = conduct(folder)
    conductor.answer(ChangeSettings(settings={"find_lr": {"iterations": 7}}))
    assert conductor.settings.arguments[1] == "q7"
    assert conductor.model.settings["arguments"][1:] == ["<redacted>", "--data", "here"]
    assert b"q7" not in folder.journal.read_bytes()
    assert "q7" in folder.settings.read_text()
    before = folder.journal.read_bytes().count(b"SettingsChanged")
    conductor.close()
    # The next supervisor takes it for no change.
    conduct(folder)
    assert folder.journal.read_bytes().count(b"SettingsChanged") == before == 1


@pytest.mark.parametrize("name", ["digits_cnn", "version_1"])
def test_points_that_are_forgotten_and_read_again_change_nothing(tmp_path, name):
    folder = StudyFolder(Path(tmp_path) / name)
    shutil.copytree(Path(__file__).parents[2] / "logs" / name, folder.path)
    write_settings(folder)
    streams = StudyStreams(folder)
    conductor = Conductor(folder, streams.read_journal(), lambda _: None)
    trials = list(conductor.model.trials)

    def read_points() -> None:
        for trial in trials:
            while bite := streams.read_points(trial):
                conductor.remember(bite)

    for trial in trials:
        conductor.remember(streams.read_state(trial))
    read_points()
    before = plain(conductor.model)
    states = [trial.state for trial in conductor.model.trials.values()]
    assert any(trial.points for trial in conductor.model.trials.values())
    conductor.forget_points()
    assert not any(trial.points for trial in conductor.model.trials.values())
    # Whoever is over stays so meanwhile.
    assert [trial.state for trial in conductor.model.trials.values()] == states
    streams.rewind_points(trials)
    read_points()
    assert plain(conductor.model) == before
    conductor.close()
