"""The script's arguments: secrets are found where they are kept, and written nowhere."""

import shutil
import stat

import pytest

from tuitrain.checklist import settings_from
from tuitrain.store import StudyFolder, read_given, redact
from tuitrain.supervisor import keep_arguments
from tuitrain.supervisor.arguments import ArgumentsGoneError, KeptArguments
from tuitrain.wire import WireError

GIVEN = ("--data", "here", "--token", "q")


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    path = tmp_path / "runtime"
    path.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(path))
    return path


@pytest.fixture
def folder(tmp_path, runtime):
    folder = StudyFolder(tmp_path / "digits")
    folder.create()
    return folder


@pytest.fixture
def socket(runtime):
    return runtime / "tuitrain" / "s.sock"


def asking(*arguments):
    return settings_from({"script": "/x/train.py", "arguments": list(arguments)})


def test_arguments_without_secrets_are_kept_nowhere(folder, socket, runtime):
    kept = KeptArguments(folder, socket)
    assert kept.find(asking("--data", "here")) == ("--data", "here")
    assert kept.keep(asking("--data", "here")) is None
    assert list(runtime.rglob("*.arguments")) == []


def test_secrets_given_by_a_client_are_found_and_outlive_their_folder(
    folder, socket, runtime
):
    shown = asking(*redact(GIVEN))
    assert not keep_arguments(folder, GIVEN, socket)
    kept = KeptArguments(folder, socket)
    assert kept.find(shown) == GIVEN
    shutil.rmtree(runtime / "tuitrain")
    place = kept.keep(shown)
    assert place is not None
    assert read_given(place) == GIVEN
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    shutil.rmtree(runtime / "tuitrain")
    with pytest.raises(ArgumentsGoneError, match=r"train\.py --study .* --token '<red"):
        KeptArguments(folder, socket).find(shown)


def test_secrets_given_anew_take_the_place_of_those_before(folder, socket):
    shown = asking(*redact(GIVEN))
    keep_arguments(folder, GIVEN, socket)
    kept = KeptArguments(folder, socket)
    kept.find(shown)
    assert keep_arguments(folder, (*GIVEN[:-1], "r"), socket)
    assert kept.find(shown) == (*GIVEN[:-1], "r")


def test_a_secret_that_a_person_wrote_into_the_settings_is_handed_on_aside(
    folder, socket
):
    kept = KeptArguments(folder, socket)
    place = kept.keep(asking(*GIVEN))
    assert place is not None
    assert read_given(place) == GIVEN


def test_secrets_of_other_arguments_are_not_taken_for_these(folder, socket):
    keep_arguments(folder, ("--token", "q"), socket)
    with pytest.raises(ArgumentsGoneError):
        KeptArguments(folder, socket).find(asking(*redact(GIVEN)))


def test_no_secret_goes_into_a_folder_that_others_may_use(folder, socket, runtime):
    (runtime / "tuitrain").mkdir()
    (runtime / "tuitrain").chmod(0o777)
    with pytest.raises(WireError, match="open to other users"):
        keep_arguments(folder, GIVEN, socket)
    assert list(runtime.rglob("*.arguments")) == []
