"""Study folders: which one belongs to a script, and what its `study.toml` says."""

import tomllib
from pathlib import Path

import pytest

from tuitrain.checklist import format_settings, settings_from, settings_to
from tuitrain.cli.failures import UsageError
from tuitrain.cli.studies import find_free, open_study, read_settings
from tuitrain.events import PerGpuLowered, TrialId
from tuitrain.store import LogWriter, StudyFolder


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _asked(name="train.py", **more):
    return {"script": str(Path(name).resolve()), "function": "task", **more}


def test_a_new_study_gets_a_folder_and_a_file_that_explains_itself():
    folder = open_study(_asked(seed=3), given=None, name="train")
    assert folder.path == Path("runs/train")
    text = folder.settings.read_text()
    assert "# Step 3: find an LR that makes the loss go down" in text
    assert read_settings(folder).seed == 3


def test_the_file_reads_back_as_what_was_asked():
    settings = settings_from(
        _asked(config={"net name": 'a "b"', "n": 3}, devices={"gpus": [0, "GPU-1"]})
    )
    data = tomllib.loads(format_settings(settings))
    assert settings_from(data) == settings
    assert settings_to(settings_from(data)) == settings_to(settings)


def test_the_same_script_carries_on_and_its_file_is_left_alone():
    first = open_study(_asked(), given=None, name="train")
    edited = first.settings.read_text().replace("seed = 0", "seed = 7")
    first.settings.write_text(edited)
    again = open_study(_asked(), given=None, name="train")
    assert again.path == first.path
    assert again.settings.read_text() == edited


def test_another_script_of_the_same_name_gets_the_next_name():
    open_study(_asked("a/train.py"), given=None, name="train")
    other = open_study(_asked("b/train.py"), given=None, name="train")
    assert other.path == Path("runs/train-2")
    again = open_study(_asked("b/train.py"), given=None, name="train")
    assert again.path == other.path


def test_another_function_or_other_arguments_are_another_study():
    open_study(_asked(), given=None, name="train")
    assert open_study(_asked(function="small"), given=None, name="train").path == Path(
        "runs/train-2"
    )
    loop = {"script": str(Path("loop.py").resolve())}
    open_study({**loop, "arguments": ["--data", "x"]}, given=None, name="loop")
    other = open_study({**loop, "arguments": ["--data", "y"]}, given=None, name="loop")
    assert other.path == Path("runs/loop-2")
    assert open_study(loop, given=None, name="loop").path == Path("runs/loop")


def test_options_that_say_the_same_are_no_contradiction():
    open_study(_asked(devices={"slots": 2}), given=None, name="train")
    open_study(_asked(devices={"slots": 2}), given=None, name="train")
    with pytest.raises(UsageError, match=r"devices\.slots is 2, not 3"):
        open_study(_asked(devices={"slots": 3}), given=None, name="train")


def test_a_study_that_lowered_per_gpu_is_carried_on_in_the_words_it_began_with(capsys):
    folder = open_study(_asked(devices={"per_gpu": 2}), given=None, name="train")
    lowered = folder.settings.read_text().replace("per_gpu = 2", "per_gpu = 1")
    folder.settings.write_text(lowered)
    with pytest.raises(UsageError, match=r"devices\.per_gpu is 1, not 2"):
        open_study(_asked(devices={"per_gpu": 2}), given=None, name="train")
    event = PerGpuLowered(trial=TrialId("0001"), device="GPU-1", sharing=2, per_gpu=1)
    LogWriter(folder.journal, "journal").append([event])
    again = open_study(_asked(devices={"per_gpu": 2}), given=None, name="train")
    assert read_settings(again).devices.per_gpu == 1
    assert "per_gpu stays 1, since trials ran out of memory" in capsys.readouterr().err


def test_a_given_folder_is_used_as_it_is():
    folder = open_study(_asked(), given=Path("deep/in/study"), name="train")
    assert folder.path == Path("deep/in/study")
    assert folder.trials.is_dir()


def test_a_demo_begins_anew_each_time():
    assert find_free("demo") == Path("runs/demo")
    Path("runs/demo").mkdir(parents=True)
    assert find_free("demo") == Path("runs/demo-2")


def test_a_file_in_the_way_is_said():
    Path("runs").mkdir()
    Path("runs/train").write_text("")
    with pytest.raises(UsageError, match="runs/train: is a file"):
        open_study(_asked(), given=None, name="train")


def test_a_study_that_cant_be_read_is_said():
    folder = StudyFolder(Path("runs/train"))
    folder.create()
    folder.settings.write_text("script = [")
    with pytest.raises(UsageError, match="is no TOML"):
        open_study(_asked(), given=None, name="train")
