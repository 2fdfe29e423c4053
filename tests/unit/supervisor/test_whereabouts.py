"""What supervisors of a study hand on to each other."""

import os
import shutil
from pathlib import Path

import msgspec
import pytest

from tuitrain.store import StudyFolder
from tuitrain.supervisor import find_running
from tuitrain.supervisor.whereabouts import (
    Whereabouts,
    find_booted_at,
    is_copy,
    write_whereabouts,
)
from tuitrain.units import Seconds


class SetClock:
    """A clock whose wall time was set elsewhere."""

    def wall_s(self) -> Seconds:
        return Seconds(90_000.0)

    def mono_s(self) -> Seconds:
        return Seconds(70.0)


@pytest.fixture
def folder(tmp_path) -> StudyFolder:
    folder = StudyFolder(Path(tmp_path) / "digits")
    folder.create()
    return folder


def test_the_first_supervisor_goes_by_the_wall_clock_and_the_next_by_its_word(folder):
    assert find_booted_at(folder, SetClock()) == 89_930.0
    mine = Whereabouts.of_this_process(folder, Path("s"), Seconds(30.0))
    write_whereabouts(folder, mine)
    assert find_booted_at(folder, SetClock()) == 30.0


def test_the_word_of_another_boot_or_of_an_older_version_does_not_count(folder):
    mine = Whereabouts.of_this_process(folder, Path("s"), Seconds(30.0))
    write_whereabouts(folder, msgspec.structs.replace(mine, boot_id="another"))
    assert find_booted_at(folder, SetClock()) == 89_930.0
    write_whereabouts(folder, Whereabouts.of_this_process(folder, Path("s")))
    assert find_booted_at(folder, SetClock()) == 89_930.0


def test_a_copy_is_not_taken_for_the_study_that_is_supervised(folder):
    mine = Whereabouts.of_this_process(folder, Path("s"))
    write_whereabouts(folder, msgspec.structs.replace(mine, pid=os.getpid()))
    copied = StudyFolder(folder.path.with_name("copied"))
    shutil.copytree(folder.path, copied.path)
    assert find_running(folder) == Path("s")
    assert find_running(copied) is None
    assert not is_copy(folder)
    assert is_copy(copied)
    folder.path.rename(folder.path.with_name("moved"))
    moved = StudyFolder(folder.path.with_name("moved"))
    assert find_running(moved) == Path("s")
    assert not is_copy(moved)


def test_the_word_of_a_version_that_did_not_tell_the_folder_counts(folder):
    mine = Whereabouts.of_this_process(folder, Path("s"))
    write_whereabouts(folder, msgspec.structs.replace(mine, inode=None))
    assert find_running(folder) == Path("s")
    assert not is_copy(folder)
