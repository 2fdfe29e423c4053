"""Every rule on real runs: those it must catch, those it must leave alone."""

import pytest

from tests.unit.diagnosis.recorded import NAMES, findings
from tuitrain.diagnosis.arbitration import CAUSES
from tuitrain.events import Severity

HEALTHY = [name for name in NAMES if name.startswith("healthy")]
FAULTY = [name for name in NAMES if not name.startswith("healthy")]
MAY_SEE = {
    "overfitting": {"overfitting"},
    # Without a signal there is no accuracy to be lost; the loss rises all the same.
    "overconfidence": {"overconfidence", "labels_carry_no_signal"},
    "generalization_gap": {
        "generalization_gap",
        "overfitting",
        "labels_carry_no_signal",
    },
    "underfitting": {"underfitting", "lr_too_low", "lr_too_high"},
    "bad_initialization": {"bad_initialization"},
    "loss_plateau": {"loss_plateau"},
    "lr_decayed_too_early": {"lr_decayed_too_early"},
    "divergence": {"divergence"},
    "non_finite": {"non_finite"},
    # Short of epochs, with updates that leave room.
    "lr_too_low": {"lr_too_low", "needs_longer_training"},
    "lr_too_high": {"lr_too_high", "lr_not_in_force", "divergence", "non_finite"},
    "lr_not_in_force": {"lr_not_in_force"},
    "symmetric_initialization": {"symmetric_initialization"},
    "labels_carry_no_signal": {"labels_carry_no_signal"},
    "update_ratio_off": {"update_ratio_off"},
}
"""Rule to the logs in which it has reason to speak, its own among them."""


def test_there_is_a_log_for_every_rule():
    assert set(MAY_SEE) | {"needs_longer_training"} == set(FAULTY)


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_run_has_no_finding(name):
    assert findings(name) == ()


@pytest.mark.parametrize("name", FAULTY)
def test_a_rule_catches_the_run_that_is_named_after_it(name):
    assert name in {finding.kind for finding in findings(name)}


@pytest.mark.parametrize("name", FAULTY)
def test_what_the_run_is_named_after_is_no_consequence(name):
    seen = {finding.kind: finding for finding in findings(name)}
    # A loss that grows is what an LR far too high does.
    assert seen[name].consequence_of in (None, "lr_too_high")


@pytest.mark.parametrize("kind", MAY_SEE)
def test_a_rule_leaves_all_other_runs_alone(kind):
    seen = {name for name in NAMES if kind in {f.kind for f in findings(name)}}
    assert seen <= MAY_SEE[kind]


@pytest.mark.parametrize("name", FAULTY)
def test_findings_say_what_was_seen_and_what_to_do(name):
    for finding in findings(name):
        assert finding.summary.endswith((".", "."))
        assert finding.evidence
        assert finding.advice
        assert finding.trial == "0001"


@pytest.mark.parametrize("name", FAULTY)
def test_causes_come_before_what_follows_from_them(name):
    kinds = [finding.kind for finding in findings(name)]
    for finding in findings(name):
        if finding.consequence_of is not None:
            assert finding.consequence_of in CAUSES[finding.kind]
            assert kinds.index(finding.consequence_of) < kinds.index(finding.kind)


def test_advice_against_an_lr_is_a_number_that_a_key_can_apply():
    (finding,) = (f for f in findings("lr_too_low") if f.kind == "lr_too_low")
    assert finding.advice[0].change == {"lr": 9e-2}
    finding, rival = findings("needs_longer_training")
    assert (finding.kind, rival.kind) == ("needs_longer_training", "lr_too_low")
    assert rival.severity is Severity.LOW
    assert finding.advice[0].change == {"epochs": 30, "lr": 0.012}
    assert finding.advice[1].change == {"epochs": 30}
    (finding,) = (f for f in findings("lr_too_high") if f.kind == "lr_too_high")
    assert finding.advice[0].change == {"lr": 1.5e-3}


def test_the_gravest_faults_are_critical():
    for name in ("non_finite", "divergence", "symmetric_initialization"):
        seen = {finding.kind: finding for finding in findings(name)}
        assert seen[name].severity is Severity.CRITICAL
