"""Rules on plain values: thresholds, too little data, and what explains a curve away."""

import math

import numpy as np
import pytest
from msgspec.structs import replace

from tests.unit.diagnosis.recorded import NAMES, curves
from tuitrain.diagnosis import (
    Curves,
    FitFailure,
    classify_fit_failure,
    examine,
    find_divergence,
    find_labels_without_signal,
    find_loss_not_decreasing,
    find_lr_ignored,
    find_lr_not_in_force,
    find_non_finite,
    find_symmetric_initialization,
    has_dropped,
)
from tuitrain.diagnosis.examine import CURVE_RULES, LOSS_RULES
from tuitrain.diagnosis.rules.bad_initialization import find_bad_initialization
from tuitrain.diagnosis.rules.generalization_gap import find_generalization_gap
from tuitrain.diagnosis.rules.underfitting import find_underfitting
from tuitrain.diagnosis.rules.wrong_reduction import find_wrong_reduction
from tuitrain.events import Inspection, LossFacts, Severity, TrialId, TrialLimits
from tuitrain.model import EMPTY_SERIES, Series, StudyModel, TrialModel

TEN_CLASSES = LossFacts(
    name="CrossEntropyLoss", kind="cross_entropy", classes=10, priors=[0.1] * 10
)


def _series(values, every: int = 1) -> Series:
    iterations = np.arange(1, len(values) + 1, dtype=np.int64) * every
    return EMPTY_SERIES.append(iterations, np.array(values, dtype=np.float64))


def _noisy(values, spread: float) -> list[float]:
    return [value + spread * math.sin(37.0 * i) for i, value in enumerate(values)]


@pytest.mark.parametrize("rule", [*LOSS_RULES, *CURVE_RULES])
@pytest.mark.parametrize("name", NAMES)
def test_no_rule_speaks_on_too_little_data(rule, name):
    whole = curves(name)
    start = replace(
        whole,
        loss=whole.loss.until(2),
        accuracy=whole.accuracy.until(2),
        val_loss=EMPTY_SERIES,
        val_accuracy=EMPTY_SERIES,
        lr=EMPTY_SERIES,
        ratios={},
        grad_norm=EMPTY_SERIES,
    )
    assert rule(start) is None


@pytest.mark.parametrize("rule", [*LOSS_RULES, *CURVE_RULES])
def test_no_rule_speaks_on_nothing(rule):
    assert rule(Curves()) is None


def test_a_trial_that_makes_no_update_is_not_examined():
    trial = TrialModel(
        trial=TrialId("0001"),
        limits=TrialLimits(update=False),
        series={"loss": _series([2.3] * 100)},
    )
    assert examine(StudyModel(trials={trial.trial: trial}), trial.trial) == ()


def test_a_few_minibatches_have_no_learning_curve():
    series = {"loss": _series([max(1.5, 2.3 - 0.01 * i) for i in range(500)])}
    trial = TrialModel(
        trial=TrialId("0001"), limits=TrialLimits(batches=8), series=series
    )
    assert examine(StudyModel(trials={trial.trial: trial}), trial.trial) == ()


def test_an_unknown_trial_has_no_findings():
    assert examine(StudyModel(), TrialId("0001")) == ()


# --- the loss falls, or not ---


def test_a_drop_within_the_noise_is_none():
    assert not has_dropped(
        np.array(_noisy([2.3 - 0.0005 * i for i in range(100)], 0.4))
    )
    assert has_dropped(np.array(_noisy([2.3 - 0.01 * i for i in range(100)], 0.1)))


def test_a_drop_to_chance_teaches_nothing():
    falling = np.array(_noisy([2.3 + math.exp(-i / 10) for i in range(100)], 0.01))
    assert has_dropped(falling)
    assert not has_dropped(falling, chance=2.3)
    finding = find_loss_not_decreasing(falling, chance=2.3)
    assert finding is not None
    assert "no further than chance" in finding.summary


def test_a_spike_right_after_the_start_is_not_taken_for_the_start():
    spiked = np.array([2.3, 900.0, 500.0, 90.0, 30.0, 9.0] + [2.31] * 100)
    assert find_loss_not_decreasing(spiked) is not None


def test_a_loss_that_falls_and_rises_again_below_its_start_does_not_diverge():
    values = [2.3 - 0.02 * min(i, 200 - i) for i in range(200)]
    assert find_divergence(np.array(values), None) is None
    assert (
        find_divergence(np.array([2.3 * 1.03**i for i in range(60)]), 0.1) is not None
    )


def test_non_finite_names_the_first_iteration_and_the_last_number_before_it():
    finding = find_non_finite(_series([2.0, 5.0, math.inf, math.nan]), 0.1)
    assert finding is not None
    assert finding.evidence["iteration"] == 3
    assert (finding.evidence["loss"], finding.evidence["last_finite_loss"]) == (
        "inf",
        5.0,
    )
    assert finding.advice[0].change == {"lr": 0.01}


@pytest.mark.parametrize(
    ("loss", "is_lr"),
    [
        ([2.3, math.nan], True),
        ([2.3, 2.4, 2.6, 2.9, math.nan], True),
        ([2.3, 1.9, 1.5, 1.2, 0.9, math.nan, 0.8], False),
        ([math.nan, 2.3, 2.2, 2.1], False),
    ],
)
def test_large_updates_are_blamed_only_where_the_loss_left_its_start(loss, is_lr):
    finding = find_non_finite(_series(loss), 0.1, is_driven=True)
    assert finding is not None
    assert (finding.advice[0].change == {"lr": 0.01}) is is_lr
    calm = find_non_finite(_series(loss), 0.1)
    assert calm is not None
    assert calm.advice[0].change is None


@pytest.mark.parametrize(
    ("loss", "failure"),
    [
        ([2.3, math.nan], FitFailure.EXPLODED),
        ([2.3] + [60.0] * 5 + [2.2] * 100, FitFailure.EXPLODED),
        ([2.3] * 100, FitFailure.NOT_DECREASING),
        ([max(1.0, 2.3 - 0.05 * i) for i in range(100)], FitFailure.STUCK),
        ([], FitFailure.NOT_DECREASING),
    ],
)
def test_a_fit_fails_in_one_of_three_ways(loss, failure):
    assert classify_fit_failure(np.array(loss, dtype=np.float64)) is failure


# --- probes ---


def test_one_tensor_that_starts_at_zero_and_learns_is_no_finding():
    ratios = {
        "body": _series([1e-2] * 5),
        "head": _series([math.inf, 1e-2, 1e-2, 1e-2, 1e-2]),
    }
    assert find_symmetric_initialization(Curves(ratios=ratios)) is None


def test_most_tensors_starting_at_zero_is_a_warning_and_staying_there_is_critical():
    inf, nan = math.inf, math.nan
    learned = {name: _series([inf, 1e-2, 1e-2]) for name in "ab"}
    stayed = {"a": _series([nan] * 3), "b": _series([1e-2] * 3)}
    unused = {**stayed, "c": _series([1e-2] * 3), "d": _series([1e-2] * 3)}
    found = [
        find_symmetric_initialization(Curves(ratios=each))
        for each in (learned, stayed, unused)
    ]
    assert [finding.severity for finding in found if finding] == [
        Severity.MEDIUM,
        Severity.CRITICAL,
        Severity.MEDIUM,
    ]


@pytest.mark.parametrize(
    ("in_force", "severity"),
    [
        ([1e-2] * 3, None),
        ([1e-4, 5e-3, 1e-2], None),
        ([1e-2, 1e-3], None),
        ([3e-2], Severity.MEDIUM),
        ([1.0], Severity.HIGH),
        ([], None),
    ],
)
def test_an_lr_above_the_one_given_is_found_a_warm_up_is_not(in_force, severity):
    seen = find_lr_not_in_force(Curves(config={"lr": 1e-2}, lr=_series(in_force)))
    assert (seen.severity if seen else None) is severity


def test_an_lr_that_never_varies_is_ignored_by_the_script():
    same = [Curves(config={"lr": lr}, lr=_series([0.01])) for lr in (0.1, 0.01, 0.001)]
    assert find_lr_ignored(same) is not None
    given = [Curves(config={"lr": lr}, lr=_series([lr])) for lr in (0.1, 0.01, 0.001)]
    assert find_lr_ignored(given) is None
    assert find_lr_ignored(same[:1]) is None


# --- validation ---


def test_labels_need_either_a_falling_training_loss_or_a_model_known_to_fit():
    at_chance = Curves(
        loss=_series([2.3] * 100), val_loss=_series([2.31] * 3, 30), facts=TEN_CLASSES
    )
    assert find_labels_without_signal(at_chance) is None
    finding = find_labels_without_signal(at_chance, fits_small=True)
    assert finding is not None
    assert finding.severity is Severity.HIGH


def test_a_class_that_is_frequent_does_not_hide_labels_without_signal():
    facts = LossFacts(
        name="CrossEntropyLoss", kind="cross_entropy", classes=2, priors=[0.9, 0.1]
    )
    chance = -(0.9 * math.log(0.9) + 0.1 * math.log(0.1))
    learnt = Curves(
        loss=_series([0.69 - 0.006 * i for i in range(100)]),
        val_loss=_series([chance * 1.1] * 4, 25),
        val_accuracy=_series([0.9] * 4, 25),
        facts=facts,
        val_samples=400,
    )
    assert find_labels_without_signal(learnt) is not None
    better = replace(learnt, val_accuracy=_series([0.97] * 4, 25))
    assert find_labels_without_signal(better) is None


def test_a_gap_that_few_validation_samples_explain_is_none():
    run = Curves(
        loss=_series([0.1] * 100),
        accuracy=_series([1.0] * 100),
        val_accuracy=_series([0.92] * 5, 20),
    )
    assert find_generalization_gap(replace(run, val_samples=2000)) is not None
    assert find_generalization_gap(replace(run, val_samples=30)) is None


def test_a_warm_up_explains_a_flat_start():
    run = curves("bad_initialization")
    assert find_bad_initialization(run) is not None
    warming = replace(run, lr=_series(list(np.linspace(1e-4, 0.3, 300))))
    assert find_bad_initialization(warming) is None


def test_underfitting_is_silent_where_chance_is_not_known():
    run = curves("underfitting")
    assert find_underfitting(run) is not None
    assert find_underfitting(replace(run, facts=None)) is None


def _shuffled_epochs(*, share: float, is_sum: bool, seed: int) -> list[float]:
    """Losses of 10 epochs of 12 minibatches each, the last one smaller than the others."""
    drawn = np.random.default_rng(seed)
    losses = []
    for index in range(120):
        is_last = index % 12 == 11
        noise = drawn.normal(0, 0.1 / math.sqrt(share if is_last else 1))
        level = 40 * math.exp(-index / 100 + noise)
        losses.append(level * share if is_sum and is_last else level)
    return losses


@pytest.mark.parametrize("share", [0.1, 0.4, 0.7])
@pytest.mark.parametrize("seed", range(8))
def test_a_small_last_minibatch_tells_a_sum_from_a_mean(share, seed):
    def found(*, is_sum: bool):
        losses = _shuffled_epochs(share=share, is_sum=is_sum, seed=seed)
        run = Curves(loss=_series(losses), iterations_per_epoch=12, last_batch=share)
        return find_wrong_reduction(run)

    told = found(is_sum=True)
    assert told is not None
    assert told.evidence["last_batch"] == share
    assert found(is_sum=False) is None


def test_what_was_asked_of_the_loss_beats_what_its_last_minibatches_show():
    losses = _shuffled_epochs(share=0.4, is_sum=True, seed=0)
    run = Curves(loss=_series(losses), iterations_per_epoch=12, last_batch=0.4)
    asked = Inspection(iterations=20, batch_loss_ratio=1.0)
    assert find_wrong_reduction(run) is not None
    assert find_wrong_reduction(replace(run, inspection=asked)) is None


def test_a_regression_that_is_learned_by_heart_has_a_gap():
    facts = LossFacts(name="MSELoss", kind="mse", constant_loss=2.0)

    def found(train: float, val: float):
        run = Curves(
            loss=_series(np.linspace(2.0, train, 200)),
            val_loss=_series(np.linspace(2.0, val, 20), every=10),
            facts=facts,
        )
        return find_generalization_gap(run)

    gap = found(0.4, 1.2)
    assert gap.severity is Severity.MEDIUM
    assert found(0.9, 1.1) is None
    assert found(2.5, 4.0) is None


def test_a_last_layer_that_gets_too_few_numbers_explains_a_poor_fit():
    run = curves("underfitting")
    flat = _noisy([0.6] * 400, 0.01)
    reached = replace(
        run,
        loss=_series(flat),
        accuracy=_series([0.8] * 400),
        val_accuracy=_series([0.8] * 20, every=20),
    )

    def found(head_inputs: int | None):
        seen = Inspection(iterations=20, head_inputs=head_inputs, output_shape=[32, 10])
        return find_underfitting(replace(reached, inspection=seen))

    narrow = found(3)
    assert narrow.evidence["narrowest"] == 3
    assert "10 outputs of 3 numbers" in narrow.summary
    assert found(9) is None
    assert found(None) is None
