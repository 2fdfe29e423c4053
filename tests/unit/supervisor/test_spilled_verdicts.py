"""Recorded runs are judged the same from a file as from memory, to the last digit."""

from pathlib import Path

import pytest

from tuitrain.checklist import settings_from
from tuitrain.checklist.steps import STEPS
from tuitrain.diagnosis import examine
from tuitrain.model import SpilledSeries, StudyModel, best_of, fold_all
from tuitrain.sources import StudySource
from tuitrain.supervisor.spill import SpillFile

LOGS = Path(__file__).parents[2] / "logs"
TRIALS = [*sorted(LOGS.glob("curves/*.jsonl")), *sorted(LOGS.glob("findings/*.jsonl"))]
STUDIES = [LOGS / name for name in ("digits_cnn", "digits_short")]
PART_ROWS = 4
"""So few that most recorded series have older points in the file."""


@pytest.fixture
def spill(tmp_path):
    spill = SpillFile(tmp_path, part_rows=PART_ROWS, least_free_bytes=0)
    yield spill
    spill.close()


def read_twice(path: Path, spill: SpillFile) -> tuple[StudyModel, StudyModel]:
    """Return what a log tells, held in memory and spilled."""
    records = StudySource(path).read_all()
    held = fold_all(StudyModel(), records)
    spilled = fold_all(StudyModel(), records, SpilledSeries(spill))
    longest = max(len(s) for t in held.trials.values() for s in t.series.values())
    assert longest > 2 * PART_ROWS, "nothing of it is in the file"
    return held, spilled


@pytest.mark.parametrize("path", [*TRIALS, *STUDIES], ids=lambda path: path.stem)
def test_findings_are_the_same(path, spill):
    held, spilled = read_twice(path, spill)
    assert held.trials.keys() == spilled.trials.keys()
    for trial in held.trials:
        assert examine(spilled, trial) == examine(held, trial)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_verdicts_and_plans_are_the_same(path, spill):
    held, spilled = read_twice(path, spill)
    settings = settings_from(held.settings)
    assert held.runs
    for run in held.runs:
        plan, judge = STEPS[run.step]
        assert judge(spilled, settings, run) == judge(held, settings, run)
        assert plan(spilled, settings, run) == plan(held, settings, run)
    for name in ("loss", "val_loss", "val_accuracy"):
        for trial in held.trials:
            expected = best_of(held, trial, name, highest=False)
            assert best_of(spilled, trial, name, highest=False) == expected
