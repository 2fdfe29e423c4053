"""Wrong use gets one line that says what, where and what to do, and status 2."""

import importlib
import os
import zlib
from pathlib import Path

import pytest

from tests.stranger import as_stranger, closed_to_strangers, common_folder
from tests.studies import StudyMaker, make_finished_study
from tuitrain import cli
from tuitrain.events import Step

TASK = "def task(trial):\n    return None\n"
OTHER = "def build(trial):\n    return None\n"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text(TASK)
    Path("other.py").write_text(OTHER)
    Path("broken.py").write_text("def task(:\n")
    Path("latin.py").write_bytes(b"x = '\xff'\n")
    Path("notes.txt").write_text("hello\n")
    Path("taken").write_text("a file where a folder should be\n")
    Path("empty").mkdir()
    newer = make_finished_study(tmp_path / "newer")
    first, *others = newer.journal.read_bytes().splitlines(keepends=True)
    newer.journal.write_bytes(b"".join([_from_the_future(first), *others]))
    return tmp_path


def _from_the_future(line: bytes) -> bytes:
    """Return the line as a newer version writes it, its checksum included."""
    body, key, _ = line.replace(b"tuitrain-log/1", b"tuitrain-log/99").rpartition(
        b',"crc":"'
    )
    return b'%s%s%08x"}\n' % (body, key, zlib.crc32(body))


def _complaint(arguments, capsys):
    status = cli.main(arguments)
    captured = capsys.readouterr()
    assert status == 2, captured
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("tuitrain: ")
    assert "Traceback" not in captured.err
    assert not Path("runs").exists()
    return captured.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "nope.py"], "nope.py: no such script"),
        (["run", "empty"], "is a folder"),
        (["run", "other.py"], "has no function 'task'"),
        (["run", "./other.py"], "other.py:build"),
        (["run", "train.py:nothing"], "has no function 'nothing'"),
        (["run", "train.py:not a name"], "is no name of a function"),
        (["run", "broken.py"], "broken.py:1: is no Python"),
        (["run", "latin.py"], "is no Python"),
        (["run", "train.py", "--python", "/no/python"], "--python /no/python: no such"),
        (["run", "train.py", "--python", "notes.txt"], "--python notes.txt: no such"),
        (["list", "nowhere"], "nowhere: no such folder"),
        (["list", "notes.txt"], "notes.txt: no such folder"),
        (["run"], "SCRIPT"),
        (["run", "train.py", "--bogus"], "--bogus"),
        (["--bogus"], "--bogus"),
        (["bogus"], "bogus"),
        (["demo", "extra"], "extra"),
        (["run", "train.py", "--until", "7"], "there is no such step"),
        (["run", "train.py", "--slots", "many"], "--slots"),
        (["run", "train.py", "--slots", "0"], "devices.slots"),
        (["run", "train.py", "--seed", "-1"], "seed"),
        (["run", "train.py", "--gpus", "0,,1"], "--gpus"),
        (["run", "train.py", "--study", "taken"], "taken"),
        (["run", "train.py", "--study", "/proc/study"], "can't be written"),
        (["run", "train.py", "--", "--data", "x"], "a task takes no arguments"),
        (["replay", "x", "--", "y"], "takes nothing after --"),
        (["replay", "nope"], "no such file"),
        (["replay", "empty"], "holds no log"),
        (["replay", "notes.txt"], "is not a tuitrain log"),
        (["diagnose", "notes.txt"], "is not a tuitrain log"),
        (["replay", "newer"], "newer than this tuitrain"),
        (["diagnose", "newer", "--json"], "upgrade"),
        (["attach", "nope"], "attach"),
        (["stop", "nope"], "no study there"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "is refused",
)
def test_wrong_use_is_said_in_one_line(arguments, words, capsys):
    assert words in _complaint([*arguments], capsys)


def test_a_script_is_never_executed_to_find_its_task(capsys):
    Path("loud.py").write_text("raise SystemExit('executed')\n")
    assert "has no function 'task'" in _complaint(["run", "loud.py"], capsys)


def test_without_torch_it_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    assert "pip install torch" in _complaint(["demo"], capsys)
    assert "pip install torch" in _complaint(["run", "train.py"], capsys)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cant_be_written_is_named(here, capsys):
    (here / "closed").mkdir(mode=0o500)
    words = _complaint(["run", "train.py", "--study", "closed/study"], capsys)
    assert "closed/study" in words
    assert "can't be written" in words


@pytest.mark.parametrize(
    "arguments",
    [
        ["replay", "theirs"],
        ["replay", "theirs/journal.jsonl"],
        ["diagnose", "theirs"],
        ["run", "theirs/train.py"],
        ["run", "theirs/train.py:task"],
        ["run", "train.py", "--study", "theirs"],
        ["stop", "theirs"],
        ["resume", "theirs"],
    ],
    ids=" ".join,
)
def test_what_only_its_owner_may_see_is_named(arguments, monkeypatch):
    with common_folder() as root:
        monkeypatch.chdir(root)
        make_finished_study(root / "theirs")
        for path in (root / "train.py", root / "theirs" / "train.py"):
            path.write_text(TASK)
        cli.main(["diagnose", "theirs"])  # imports all that is needed
        importlib.import_module("tuitrain.cli.resume")
        with closed_to_strangers(root / "theirs"):
            said = as_stranger(lambda: cli.main(arguments))
    *lines, status = said.splitlines()
    assert status == "2", said
    assert len(lines) == 1, said
    assert lines[0].startswith("tuitrain: theirs")
    assert "Permission denied" in lines[0]


def test_the_studies_of_others_do_not_keep_ones_own_off_the_list(monkeypatch):
    with common_folder() as root:
        monkeypatch.chdir(root)
        for name in ("mine", "theirs"):
            make_finished_study(root / "runs" / name)
        for path in [root / "runs", *(root / "runs" / "mine").rglob("*")]:
            path.chmod(0o755)
        (root / "runs" / "mine").chmod(0o755)
        assert cli.main(["list"]) == 0
        with closed_to_strangers(root / "runs" / "theirs"):
            said = as_stranger(lambda: cli.main(["list"]))
    assert said.splitlines()[-1] == "0", said
    assert "runs/mine" in said
    assert "theirs" not in said


def test_a_study_of_another_script_is_not_touched(here, capsys):
    Path("study.d").mkdir()
    text = f'script = "{here}/elsewhere.py"\nfunction = "task"\n'
    Path("study.d/study.toml").write_text(text)
    words = _complaint(["run", "train.py", "--study", "study.d"], capsys)
    assert "holds the study of" in words
    assert Path("study.d/study.toml").read_text() == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("script = 1\n", "script: is 1"),
        ("script = \n", "is no TOML"),
        ('script = "{script}"\nfunction = "task"\nsede = 1\n', "sede"),
    ],
)
def test_a_study_file_that_cant_be_used_is_named(here, text, words, capsys):
    Path("s").mkdir()
    Path("s/study.toml").write_text(text.replace("{script}", str(here / "train.py")))
    complaint = _complaint(["run", "train.py", "--study", "s"], capsys)
    assert "s/study.toml" in complaint
    assert words in complaint


def test_options_never_overrule_what_a_study_was_asked(here, capsys):
    Path("s").mkdir()
    text = f'script = "{here}/train.py"\nfunction = "task"\nseed = 3\n'
    Path("s/study.toml").write_text(text)
    words = _complaint(["run", "train.py", "--study", "s", "--seed", "4"], capsys)
    assert "seed is 3, not 4" in words


def test_a_rejected_study_says_why_when_it_is_replayed(here, capsys):
    maker = StudyMaker(here / "rejected")
    maker.step(Step.INITIAL_LOSS)
    maker.end("rejected", "train.py: the data set is empty; give it samples")
    assert cli.main(["replay", "rejected"]) == 2
    assert "the data set is empty; give it samples" in capsys.readouterr().out


def test_a_fault_of_our_own_leaves_its_traceback_in_a_file(monkeypatch, capsys):
    monkeypatch.setattr(
        "tuitrain.headless.printing.load", lambda _: 1 / 0, raising=True
    )
    assert cli.main(["replay", "x"]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    path = Path(captured.err.split("traceback is in ")[1].strip())
    assert "ZeroDivisionError" in path.read_text()
    path.unlink()


def test_ctrl_c_is_status_130(monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("tuitrain.headless.printing.load", interrupt)
    assert cli.main(["replay", "x"]) == 130
