"""Following a study: what needs no supervisor, and one that never answers."""

import io
import json

import pytest

from tests.studies import StudyMaker, make_finished_study
from tuitrain.events import Step, StepEntered
from tuitrain.headless import (
    ExitStatus,
    HeadlessError,
    Look,
    Printer,
    run_headless,
)

LOOK = Look(columns=100, lines=24, ascii_only=False, has_colour=False)


def _never():
    pytest.fail("nobody should have asked for a supervisor")


def _run(folder, revive, **options):
    results, progress = io.StringIO(), io.StringIO()
    status = run_headless(
        folder,
        revive,
        Printer(results, LOOK),
        Printer(progress, LOOK),
        as_json=True,
        **options,
    )
    return status, results.getvalue(), progress.getvalue()


def test_a_finished_study_is_printed_at_once(tmp_path):
    folder = make_finished_study(tmp_path / "digits")
    status, results, progress = _run(folder, _never)
    assert status is ExitStatus.DONE
    assert json.loads(results)["study"]["state"] == "finished"
    assert "study finished" in progress


@pytest.mark.parametrize("until", [Step.INITIAL_LOSS, Step.OVERFIT_SMALL])
def test_a_step_left_behind_is_not_run_again(tmp_path, until):
    maker = StudyMaker(tmp_path / "digits")
    for step in (Step.INITIAL_LOSS, Step.OVERFIT_SMALL):
        maker.step(step)
        maker.judge(step)
    maker.journal(StepEntered(step=Step.FIND_LR, round=1, attempt=1))
    status, _, _ = _run(maker.folder, _never, until=until)
    assert status is ExitStatus.DONE


def test_a_supervisor_that_never_answers_is_given_up(tmp_path):
    maker = StudyMaker(tmp_path / "digits")
    asked = []

    def revive():
        asked.append(True)
        return tmp_path / "nobody.sock"

    with pytest.raises(HeadlessError, match=r"ended 5 times in a row; see .*log"):
        _run(maker.folder, revive)
    assert len(asked) == 5
