"""Where a study's files lie, and what is written whole or not at all."""

import os

import pytest

from tuitrain.events import Step, TrialId, TrialLimits
from tuitrain.store import (
    StoreError,
    StudyFolder,
    TrialSpec,
    read_spec,
    write_atomically,
    write_spec,
)

SPEC = TrialSpec(
    trial=TrialId("0007"),
    study="digits",
    script="/home/me/train.py",
    function="task",
    step=Step.FIND_LR,
    config={"lr": 0.01, "weight_decay": 1e-4},
    limits=TrialLimits(iterations=100, validate=False),
)


def test_trials_are_listed_in_the_order_of_their_numbers(tmp_path):
    study = StudyFolder(tmp_path / "digits")
    assert study.list_trials() == []
    study.create()
    for name in ("10000", "0002", "0001"):
        study.trial(TrialId(name)).path.mkdir()
    study.trials.joinpath("note.txt").write_text("")
    assert [t.trial for t in study.list_trials()] == ["0001", "0002", "10000"]


def test_a_study_folder_is_private_to_its_owner(tmp_path):
    study = StudyFolder(tmp_path / "digits")
    study.create()
    assert os.stat(study.trials).st_mode & 0o077 == 0


def test_a_study_folder_that_cannot_be_made_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"can't be written .*--study DIR"):
        StudyFolder(tmp_path / "file" / "digits").create()


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "best.json"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    with pytest.raises(StoreError, match="can't be written"):
        write_atomically(tmp_path / "nowhere" / "best.json", b"three")
    assert os.listdir(tmp_path) == ["best.json"]


def test_a_trial_description_comes_back_as_it_was(tmp_path):
    write_spec(tmp_path / "trial.json", SPEC)
    assert read_spec(tmp_path / "trial.json") == SPEC


def test_a_trial_description_that_is_none_is_a_clear_error(tmp_path):
    with pytest.raises(StoreError, match="can't be read"):
        read_spec(tmp_path / "trial.json")
    (tmp_path / "trial.json").write_text('{"trial": 7}')
    with pytest.raises(StoreError, match="is no trial description"):
        read_spec(tmp_path / "trial.json")
