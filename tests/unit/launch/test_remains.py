"""Whose processes are those of a trial that is over, and whose are not."""

import subprocess

import pytest

from tuitrain.events import TrialId, TrialStarted
from tuitrain.launch.identity import ProcessIdentity
from tuitrain.launch.remains import find_remains


@pytest.fixture
def leader():
    """The first process of a session of its own, as of somebody's shell."""
    process = subprocess.Popen(["sleep", "600"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize(("earlier", "is_found"), [(0, True), (100, False)])
def test_a_session_whose_number_was_used_again_is_left_alone(
    leader, tmp_path, earlier, is_found
):
    identity = ProcessIdentity.of(leader.pid)
    assert identity is not None
    started = TrialStarted(
        trial=TrialId("0001"),
        pid=leader.pid,
        start_ticks=identity.start_ticks - earlier,
        boot_id=identity.boot_id,
        shim_pid=1,
        shim_start_ticks=0,
        device="cpu",
        threads=1,
        how="warm",
    )
    assert (identity in find_remains(started, tmp_path)) is is_found
