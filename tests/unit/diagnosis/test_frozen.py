"""The figures in the documentation are those of the thresholds in the code."""

import json

from tests.benchmarks.diagnosis.frozen import (
    FIGURES,
    OVERFITTING,
    digest,
    thresholds,
    thresholds_of,
)


def test_the_measured_thresholds_are_those_in_force():
    """After a change: `python -m tests.benchmarks.diagnosis --full --seed 1 --write`."""
    assert json.loads(FIGURES.read_text())["thresholds"] == digest()


def test_overfitting_was_measured_with_the_thresholds_in_force():
    """After a change: `python -m tests.benchmarks.diagnosis.overfitting --seed 1 --held-out 2 --write`."""
    told = json.loads(FIGURES.read_text())["overfitting"]
    assert told["thresholds"] == thresholds_of(*OVERFITTING)


def test_thresholds_are_found_where_rules_keep_them():
    found = thresholds()
    assert found["rules/overfitting.py:SURE_RISE"] == "0.1"
    assert len({name.partition(":")[0] for name in found}) > 25
