"""A log of every released version stays readable.

The files under `tests/logs/version_<n>` hold every event that version knew. They are
never written again: a change that can't read them needs another way to write.
"""

from pathlib import Path

import pytest

from tuitrain.events import FORMAT_VERSION, OutcomeKind, Step, TrialId, Verdict
from tuitrain.model import StudyModel, TrialState, fold_all
from tuitrain.sources import StudySource

LOGS = Path(__file__).parents[2] / "logs"


def _model(version: int) -> StudyModel:
    source = StudySource(LOGS / f"version_{version}")
    model = fold_all(StudyModel(), source.read_all())
    assert source.damage.bad_lines == source.damage.missing_records == 0
    return model


@pytest.mark.parametrize("version", range(1, FORMAT_VERSION + 1))
def test_every_version_has_a_log_that_is_read_whole(version):
    assert _model(version).name == "digits"


def test_version_1_still_means_what_it_meant():
    model = _model(1)
    assert model.script == "train.py"
    assert model.settings == {"seed": 1}
    run = model.latest(Step.COARSE_GRID)
    assert run is not None
    assert run.reached is not None
    assert run.reached.verdict is Verdict.WARN
    assert run.reached.findings[0].evidence["worst"] == "inf"
    assert run.overridden is not None
    assert model.best is not None
    assert model.best.metrics == {"val_accuracy": 0.97, "val_loss": None}
    trial = model.trials[TrialId("0001")]
    assert trial.state is TrialState.FAILED
    assert trial.finished is not None
    assert trial.finished.outcome is OutcomeKind.RAISED
    assert trial.config["lr"] == 0.01
    assert [str(v) for v in trial.get("loss").values] == ["2.5", "nan", "-inf"]
    assert trial.get("val_loss").last == 2.25
    assert model.trials[TrialId("0002")].state is TrialState.LOST
    assert model.gpus is not None
    assert model.gpus.gpus[1].used_ratio is None
