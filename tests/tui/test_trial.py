"""One trial in full: its series, gauges, process, end and findings."""

import math
from pathlib import Path

import numpy as np
import pytest

from tests.tui.builder import StudyBuilder
from tests.tui.studies import build_crowd, build_learning_curves
from tuitrain.events import OutcomeKind, Step, TrialLimits
from tuitrain.model import EMPTY_SERIES, Series, StudyModel, fold_all
from tuitrain.sources import StudySource
from tuitrain.study import Study
from tuitrain.tui.lines import width_of
from tuitrain.tui.screens.trial import describe_trial
from tuitrain.tui.sparks import series_rows, spark


def describe(path: Path, trial: str, width: int = 78) -> list[str]:
    records = sorted(StudySource(path).read_all(), key=lambda r: r.at_s)
    study = Study(fold_all(StudyModel(), records))
    view = next(t for t in study.trials if t.trial == trial)
    return ["".join(t for t, _ in row) for row in describe_trial(study, view, width)]


def series_of(*values: float) -> Series:
    return EMPTY_SERIES.append(np.arange(1, len(values) + 1), np.array(values))


def text_of(row: tuple[tuple[str, str], ...]) -> str:
    return "".join(text for text, _ in row)


def test_every_series_tells_its_last_and_its_best_value(tmp_path: Path) -> None:
    build_learning_curves(tmp_path / "study").close()
    rows = describe(tmp_path / "study", "0021")
    (row,) = [row for row in rows if row.startswith("  val_accuracy")]
    last, best, at, iteration = row.split()[1:5]
    assert float(best) > float(last)
    assert (at, iteration) == ("at", "12")
    assert any("▁" in row for row in rows)
    findings = rows.index("findings")
    assert "overfitting" in rows[findings + 1]
    assert any(row.startswith("   → ") for row in rows[findings:])


def test_all_of_two_hundred_gauges_are_there(tmp_path: Path) -> None:
    build_crowd(tmp_path / "study", trials=1).close()
    rows = describe(tmp_path / "study", "0001")
    assert sum("blocks." in row for row in rows) == 200


def test_process_and_end_are_told(tmp_path: Path) -> None:
    study = StudyBuilder(tmp_path / "study")
    study.enter(Step.OVERFIT_SMALL)
    study.start()
    trial = study.queue({"lr": 1e-2}, TrialLimits(epochs=1))
    study.begin(trial)
    study.finish(trial, OutcomeKind.RAISED, 3, "ValueError: no", traceback="Trace")
    study.close()
    text = "\n".join(describe(tmp_path / "study", trial))
    for part in (
        "5000, watched by 4999",
        "cpu, 1 threads",
        "forked from the warm starter",
        "raised at iteration 3",
        "with exit status 1",
        "ValueError: no",
    ):
        assert part in text


@pytest.mark.parametrize("width", [10, 30, 78, 200])
def test_no_row_of_series_is_wider_than_there_is_room(width: int) -> None:
    values = {"loss": series_of(*np.linspace(2, 1, 500)), "x" * 300: series_of(1.0)}
    for row in series_rows(values, ("val_loss", False), max(width, 50)):
        assert width_of(row) <= max(width, 50)


def test_a_spark_rises_and_marks_what_is_not_finite() -> None:
    assert text_of(spark(series_of(0, 1, 2, 3, 4, 5, 6, 7), 8)) == "▁▂▃▄▅▆▇█"
    assert text_of(spark(series_of(1, math.nan, 1), 3)) == "▁×▁"
    assert text_of(spark(series_of(-1.7e308, 1.7e308), 2)) == "▁█"
    assert text_of(spark(series_of(5, 5), 2)) == "▁▁"
    assert spark(EMPTY_SERIES, 5) == ()
