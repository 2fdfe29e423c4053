"""The measured initial loss against the expected one: which fault a value speaks of."""

import math

import numpy as np
import pytest

from tuitrain.diagnosis import (
    compare,
    expected_initial_loss,
    find_initial_loss_mismatch,
    find_non_finite_initial_loss,
    measure_initial_loss,
)
from tuitrain.events import Finding, LossFacts, Severity


def _facts(kind: str = "cross_entropy", **known) -> LossFacts:
    defaults = {"classes": 10, "priors": [0.1] * 10, "batch_size": 64}
    return LossFacts(name=kind, kind=kind, **{**defaults, **known})


def _find(center: float, facts: LossFacts, spread: float = 0.01) -> Finding | None:
    values = [
        np.array([center + spread * ((3 * seed + i) % 5 - 2) for i in range(5)])
        for seed in range(3)
    ]
    measured, expected = measure_initial_loss(values), expected_initial_loss(facts)
    assert measured is not None
    assert expected is not None
    return find_initial_loss_mismatch(measured, expected, facts)


@pytest.mark.parametrize(
    ("excess", "severity"),
    [
        (0.0, None),
        (0.1, None),
        (0.3, Severity.LOW),
        (0.8, Severity.MEDIUM),
        (2.2, Severity.HIGH),
        (40.0, Severity.HIGH),
    ],
)
def test_the_bands_of_cross_entropy(excess, severity):
    finding = _find(math.log(10) + excess, _facts())
    assert (finding.severity if finding else None) is severity
    if finding is not None:
        assert finding.kind == "initial_loss_mismatch"


def test_noise_widens_the_bands():
    assert _find(math.log(10) + 0.2, _facts(), spread=0.001) is not None
    assert _find(math.log(10) + 0.2, _facts(), spread=0.2) is None


def test_two_classes_fail_at_twice_the_expected_value():
    facts = _facts(classes=2, priors=[0.5, 0.5])
    finding = _find(1.6, facts)
    assert finding is not None
    assert finding.severity is Severity.HIGH


@pytest.mark.parametrize(
    ("value", "words"),
    [(-0.006, "raw scores"), (0.4, "raw scores"), (-0.1, "softmax probabilities")],
)
def test_nll_without_log_softmax_is_named(value, words):
    finding = _find(value, _facts("nll"))
    assert finding is not None
    assert (finding.kind, finding.severity) == (
        "output_loss_mismatch",
        Severity.CRITICAL,
    )
    assert words in finding.summary
    assert "CrossEntropyLoss" in finding.advice[0].text


def test_nll_on_log_probabilities_is_fine():
    assert _find(math.log(10), _facts("nll")) is None


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (64, "the batch size"),
        (1 / 64, "one over the batch size"),
        (10, "the number of classes"),
        (1 / 10, "one over the number of classes"),
        (33, "the number of targets a sample"),
        (1 / 33, "one over the number of targets a sample"),
        (64 * 33, "the number of targets a minibatch"),
        (1 / 64 / 33, "one over the number of targets a minibatch"),
    ],
)
def test_a_wrong_reduction_is_named_by_its_factor(factor, words):
    facts = _facts(positions=33)
    finding = _find(math.log(10) * factor, facts, spread=0.001 * factor)
    assert finding is not None
    assert (finding.kind, finding.severity) == ("wrong_reduction", Severity.HIGH)
    assert finding.evidence["ratio_is"] == words


def test_of_two_numbers_close_together_the_nearer_one_names_the_reduction():
    finding = _find(math.log(10) * 70, _facts(positions=70))
    assert finding is not None
    assert finding.evidence["ratio_is"] == "the number of targets a sample"


def test_a_wrong_reduction_shows_below_a_value_without_a_lower_bound_too():
    facts = LossFacts(name="l", kind="l1", target_mean_abs=0.8, batch_size=64)
    finding = _find(0.8 / 64, facts, spread=1e-5)
    assert finding is not None
    assert finding.kind == "wrong_reduction"
    assert _find(0.5, facts) is None


def test_a_loss_below_what_guessing_can_reach_is_doubtful_not_wrong():
    finding = _find(1.0, _facts())
    assert finding is not None
    assert (finding.kind, finding.severity) == (
        "initial_loss_mismatch",
        Severity.MEDIUM,
    )


@pytest.mark.parametrize(
    ("value", "severity"),
    [
        (2.0, None),
        (2.45, None),
        (3.9, Severity.LOW),
        (40.0, Severity.MEDIUM),
        (1.5, Severity.LOW),
    ],
)
def test_a_loss_without_a_formula_is_judged_milder_by_the_one_at_constant_output(
    value, severity
):
    finding = _find(value, LossFacts(name="Focal", zero_output_loss=2.0))
    assert _severity(finding) is severity
    if finding is not None:
        assert finding.kind == "initial_loss_mismatch"
        assert "loss at constant output" in finding.summary


def test_a_wrong_reduction_of_a_loss_without_a_formula_is_doubtful():
    facts = LossFacts(name="Focal", zero_output_loss=2.0, batch_size=64)
    finding = _find(128.0, facts)
    assert finding is not None
    assert (finding.kind, finding.severity) == ("wrong_reduction", Severity.MEDIUM)


def test_a_negative_divergence_is_one_of_no_distributions():
    facts = _facts("kl_div", target_entropy=1.0, reduction="batchmean")
    finding = _find(-1.0, facts)
    assert finding is not None
    assert finding.kind == "output_loss_mismatch"
    assert "KLDivLoss" in finding.summary


@pytest.mark.parametrize("kind", ["cross_entropy", "nll"])
def test_the_evidence_of_a_cross_entropy_tells_the_spread_of_its_logits(kind):
    facts = _facts(kind, reduction="sum", counted=32.0)
    measured = measure_initial_loss([np.full(5, 32 * (math.log(10) + 0.5))])
    expected = expected_initial_loss(facts)
    assert measured is not None
    assert expected is not None
    assert compare(measured, expected)["implied_logit_spread"] == pytest.approx(1.0)
    other = expected_initial_loss(LossFacts(name="b", kind="bce"))
    assert other is not None
    assert "implied_logit_spread" not in compare(measured, other)


def test_a_head_that_begins_at_the_priors_is_fine():
    priors = [0.9, 0.1]
    entropy = -sum(p * math.log(p) for p in priors)
    assert _find(entropy, _facts(classes=2, priors=priors)) is None


def test_a_declared_value_is_met_within_a_tenth():
    facts = LossFacts(name="mine", expected=6.0)
    assert _find(6.4, facts) is None
    assert [_severity(_find(value, facts)) for value in (8.0, 13.0, 5.0)] == [
        Severity.MEDIUM,
        Severity.HIGH,
        Severity.MEDIUM,
    ]


def _severity(finding: Finding | None) -> Severity | None:
    return finding.severity if finding else None


def test_a_loss_that_is_no_number_is_critical():
    measured = measure_initial_loss([np.array([2.3, math.nan])])
    assert measured is not None
    finding = find_non_finite_initial_loss(measured)
    assert finding is not None
    assert finding.severity is Severity.CRITICAL


def test_initializations_count_as_much_as_minibatches_for_the_error():
    steady = [np.full(5, 2.3), np.full(5, 2.9), np.full(5, 2.0)]
    measured = measure_initial_loss(steady)
    assert measured is not None
    means = np.array([2.3, 2.9, 2.0])
    assert measured.error == pytest.approx(means.std(ddof=1) / math.sqrt(3))
    assert (measured.batches, measured.initializations) == (15, 3)


def test_initializations_that_differ_wildly_are_no_excuse_if_all_are_far_off():
    losses = [np.full(5, 14.0), np.full(5, 120.0), np.full(5, 30.0)]
    measured, expected = measure_initial_loss(losses), expected_initial_loss(_facts())
    assert measured is not None
    assert expected is not None
    assert measured.mean - 3 * measured.error < expected.value
    finding = find_initial_loss_mismatch(measured, expected, _facts())
    assert _severity(finding) is Severity.HIGH
    losses[0] = np.full(5, 2.3)
    measured = measure_initial_loss(losses)
    assert measured is not None
    assert find_initial_loss_mismatch(measured, expected, _facts()) is None


def test_nothing_measured_is_no_initial_loss():
    assert measure_initial_loss([]) is None
    assert measure_initial_loss([np.array([])]) is None
