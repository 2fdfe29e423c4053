"""The logs of `tests/logs/curves`, as models and curves."""

from functools import cache
from pathlib import Path

from tuitrain.diagnosis import Curves, examine, read_curves
from tuitrain.events import Finding, TrialId
from tuitrain.model import StudyModel, fold_all
from tuitrain.sources import StudySource

FOLDER = Path(__file__).parents[2] / "logs" / "curves"
TRIAL = TrialId("0001")
NAMES = sorted(path.stem for path in FOLDER.glob("*.jsonl"))


@cache
def model(name: str) -> StudyModel:
    return fold_all(StudyModel(), StudySource(FOLDER / f"{name}.jsonl").read_all())


def curves(name: str) -> Curves:
    return read_curves(model(name), TRIAL)


def findings(name: str) -> tuple[Finding, ...]:
    return examine(model(name), TRIAL)
