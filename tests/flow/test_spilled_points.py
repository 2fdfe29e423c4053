"""A supervisor whose older points are in a file: judged from there, or from the logs."""

import os
from pathlib import Path

import pytest

from tests.flow.supervised import Supervised
from tests.flow.waiting import wait_for
from tuitrain.checklist import settings_from
from tuitrain.checklist.steps import STEPS
from tuitrain.commands import RunStep
from tuitrain.model import TrialState
from tuitrain.supervisor.spill import PART_ROWS

pytestmark = [pytest.mark.flow, pytest.mark.usefixtures("standin")]

LOST = "points kept on disk are damaged; reading the logs of all trials again"


@pytest.fixture
def long(supervised: Supervised) -> Supervised:
    """A study whose trials measure more than a supervisor holds in memory."""
    supervised.change_settings()
    text = supervised.folder.settings.read_text()
    more = text.replace("points = 200", f"points = {3 * PART_ROWS}")
    assert more != text
    supervised.folder.settings.write_text(more)
    supervised.let_go()
    return supervised


def spills_of(study: Supervised) -> list[Path]:
    """Return the files without a name that the supervisor holds, as it sees them."""
    descriptors = Path(f"/proc/{study.identify().pid}/fd")
    return [
        each
        for each in descriptors.iterdir()
        if (name := str(each.readlink())).startswith(f"{study.folder.path}/")
        and name.endswith("(deleted)")
    ]


def assert_judged_as_from_memory(study: Supervised) -> None:
    """Judge once more by all points, held in memory, and compare."""
    model = study.model()
    assert [t.state for t in model.trials.values()] == [TrialState.FINISHED] * 3
    run = model.current
    assert run is not None
    reached = run.reached
    assert reached is not None
    _, judge = STEPS[run.step]
    expected = judge(model, settings_from(model.settings), run)
    assert reached.evidence == expected.evidence
    assert reached.findings == expected.findings
    assert (reached.verdict, reached.summary) == (expected.verdict, expected.summary)


def test_a_step_is_judged_by_points_that_are_in_the_file(long):
    long.connect()
    (spill,) = spills_of(long)
    assert long.ask(RunStep()).accepted
    wait_for(lambda: long.verdict(), "the verdict")
    assert spill.stat().st_size > 3 * 2 * PART_ROWS * 8
    assert_judged_as_from_memory(long)
    assert "reading the logs" not in long.folder.supervisor_log.read_text()


def test_points_that_a_disk_lost_are_taken_from_the_logs(long):
    long.connect()
    (spill,) = spills_of(long)
    assert long.ask(RunStep()).accepted
    wait_for(lambda: spill.stat().st_size, "points in the file")
    os.truncate(spill, 0)
    wait_for(lambda: long.verdict(), "the verdict")
    assert long.folder.supervisor_log.read_text().count(LOST) == 1
    assert_judged_as_from_memory(long)
    assert spills_of(long) == []
    # What follows goes on as ever, by the same supervisor.
    assert long.ask(RunStep()).accepted is False
