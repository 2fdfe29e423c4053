"""Overfitting on plain values: what bounces, what is lost, and on how many samples."""

import msgspec
import numpy as np
from msgspec.structs import replace

from tests.unit.diagnosis.recorded import curves
from tuitrain.diagnosis.arbitration import arrange
from tuitrain.diagnosis.curves import Curves
from tuitrain.diagnosis.rules.overfitting import find_overfitting
from tuitrain.events import Finding, LossFacts, Severity
from tuitrain.model import EMPTY_SERIES, Series


def _series(values, every: int = 1) -> Series:
    iterations = np.arange(1, len(values) + 1, dtype=np.int64) * every
    return EMPTY_SERIES.append(iterations, np.array(values, dtype=np.float64))


FALLING = np.linspace(0.9, 0.1, 400)


def _overfit(rise: float, lost: float, *, samples: int = 1000, bounce: float = 0.0):
    """Return what is found of a loss that rises and an accuracy that falls."""
    losses = [0.6, 0.5, 0.4, 0.4, 0.4, *np.linspace(0.4, 0.4 * (1 + rise), 25)]
    accuracies = [0.7, 0.8, 0.9, 0.9, 0.9, *np.linspace(0.9, 0.9 - lost, 25)]
    drawn = np.random.default_rng(0).normal(0, bounce, (2, len(losses)))
    run = Curves(
        loss=_series(FALLING),
        val_loss=_series(losses + drawn[0], every=20),
        val_accuracy=_series(accuracies + drawn[1], every=20),
        val_samples=samples,
    )
    return find_overfitting(run)


def test_a_rise_without_lost_accuracy_is_overconfidence():
    assert _overfit(rise=1.0, lost=0.1).kind == "overfitting"
    assert _overfit(rise=1.0, lost=0.01).kind == "overconfidence"
    assert _overfit(rise=0.08, lost=0.01) is None


def test_lost_accuracy_needs_less_of_a_rise():
    assert _overfit(rise=0.08, lost=0.1).kind == "overfitting"
    assert _overfit(rise=0.01, lost=0.1) is None


def test_overfitting_is_an_alarm_only_where_it_is_plain():
    assert _overfit(rise=0.2, lost=0.1).severity is Severity.HIGH
    assert _overfit(rise=1.0, lost=0.03).severity is Severity.HIGH
    assert _overfit(rise=0.2, lost=0.03).severity is Severity.LOW


def test_accuracy_lost_on_a_few_samples_is_chance():
    assert _overfit(rise=0.5, lost=0.06, samples=300).kind == "overfitting"
    assert _overfit(rise=0.5, lost=0.06, samples=30).kind == "overconfidence"


def test_a_fall_that_may_be_chance_is_told_but_is_no_alarm():
    found = _overfit(rise=0.5, lost=0.06, samples=50)
    assert (found.kind, found.severity) == ("overfitting", Severity.LOW)
    assert _overfit(rise=0.5, lost=0.06, samples=300).severity is Severity.HIGH


def test_of_rare_classes_the_balanced_accuracy_tells():
    losses = [0.6, 0.5, 0.4, 0.4, 0.4, *np.linspace(0.4, 0.6, 25)]
    plain = [0.85, 0.9, 0.92, 0.92, 0.92, *np.full(25, 0.92)]
    balanced = [0.5, 0.6, 0.7, 0.7, 0.7, *np.linspace(0.7, 0.62, 25)]
    run = Curves(
        loss=_series(FALLING),
        val_loss=_series(losses, every=20),
        val_accuracy=_series(plain, every=20),
        val_samples=1000,
        facts=LossFacts(name="BCEWithLogitsLoss", kind="bce_with_logits", priors=[0.1]),
    )
    assert _kind(find_overfitting(run)) == "overconfidence"
    run = replace(run, val_balanced_accuracy=_series(balanced, every=20))
    found = find_overfitting(run)
    assert found is not None
    assert (found.kind, found.severity) == ("overfitting", Severity.HIGH)
    assert "balanced accuracy fell" in found.summary
    # Six positives say less than sixty answers that count alike.
    few = find_overfitting(replace(run, val_samples=60))
    assert _kind(few) == "overconfidence"


def _kind(finding: Finding | None) -> str | None:
    return finding.kind if finding is not None else None


def test_validation_curves_that_bounce_do_not_overfit():
    assert _overfit(rise=0.3, lost=0.05, bounce=0.002).kind == "overfitting"
    for rise, lost in ((0.0, 0.0), (0.3, 0.05)):
        found = _overfit(rise=rise, lost=lost, bounce=0.1)
        assert found is None or found.kind == "overconfidence"


def test_a_regression_overfits_by_the_variance_it_no_longer_explains():
    facts = LossFacts(name="MSELoss", kind="mse", constant_loss=1.0)

    def found(rise: float, samples: int):
        losses = [0.9, 0.6, 0.4, 0.4, 0.4, *np.linspace(0.4, 0.4 + rise, 25)]
        return find_overfitting(
            Curves(
                loss=_series(FALLING),
                val_loss=_series(losses, every=20),
                val_samples=samples,
                facts=facts,
            )
        )

    assert found(0.2, 400).kind == "overfitting"
    assert found(0.02, 400) is None
    assert found(0.06, 40).severity is Severity.LOW
    assert found(0.06, 15) is None


def test_overfitting_advises_more_dropout_only_where_the_script_reads_it():
    run = curves("overfitting")
    assert find_overfitting(run) is not None
    reads = replace(
        run, config={**run.config, "dropout": 0.1}, config_read=("lr", "dropout")
    )
    finding = find_overfitting(reads)
    assert finding is not None
    assert {"dropout": 0.2} in [advice.change for advice in finding.advice]
    plain = find_overfitting(run)
    assert plain is not None
    assert not any("dropout" in (advice.change or {}) for advice in plain.advice)


def test_a_slight_fall_does_not_explain_a_wide_gap_away():
    slight, plain = _overfit(rise=0.2, lost=0.03), _overfit(rise=0.2, lost=0.1)
    gap = _as(slight, "generalization_gap", Severity.MEDIUM)
    assert [f.consequence_of for f in arrange([slight, gap])] == [None, None]
    assert arrange([slight, gap])[0].kind == "generalization_gap"
    assert arrange([plain, gap])[1].consequence_of == "overfitting"


def _as(finding: Finding, kind: str, severity: Severity) -> Finding:
    return msgspec.structs.replace(finding, kind=kind, severity=severity)
