"""Rules that name a cause by direct signs, and leave alone what only looks like it."""

import numpy as np
import pytest
from msgspec.structs import replace

from tests.unit.diagnosis.recorded import curves
from tests.unit.diagnosis.test_probe_rules import CLEAN, DIGITS, seen, series
from tuitrain.diagnosis import Curves, look_inside
from tuitrain.diagnosis.rules.bad_initialization import find_bad_initialization
from tuitrain.diagnosis.rules.exploding_gradients import find_exploding_gradients
from tuitrain.diagnosis.rules.initial_loss_at_start import find_initial_loss_at_start
from tuitrain.diagnosis.rules.labels_carry_no_signal import find_labels_without_signal
from tuitrain.diagnosis.rules.lr_decayed_too_early import find_lr_decayed_too_early
from tuitrain.diagnosis.rules.lr_too_high import find_lr_too_high
from tuitrain.diagnosis.rules.lr_too_low import find_lr_too_low
from tuitrain.diagnosis.rules.needs_longer_training import find_needs_longer_training
from tuitrain.diagnosis.rules.symmetric_initialization import (
    find_symmetric_initialization,
)
from tuitrain.diagnosis.rules.underfitting import find_underfitting
from tuitrain.diagnosis.rules.update_ratios import first_ratio
from tuitrain.diagnosis.rules.wrong_reduction import find_wrong_reduction
from tuitrain.events import Finding, LossFacts, SignalFacts
from tuitrain.model import EMPTY_SERIES, Series


def _series(values, every: int = 1) -> Series:
    iterations = np.arange(1, len(values) + 1, dtype=np.int64) * every
    return EMPTY_SERIES.append(iterations, np.array(values, dtype=np.float64))


def _noisy(values, scatter: float) -> np.ndarray:
    draws = np.random.default_rng(0).normal(0, scatter, len(values))
    return np.asarray(values, dtype=np.float64) + draws


def _kinds(found: Finding | None) -> str | None:
    return None if found is None else found.severity.value


@pytest.mark.parametrize(
    ("times", "is_found"), [(1.0, False), (0.25, False), (2.0, False), (4.0, True)]
)
def test_a_loss_that_sends_back_far_more_than_a_mean_is_a_sum(times, is_found):
    seen = replace(CLEAN, batch_loss_ratio=None, loss_scale=times)
    assert (find_wrong_reduction(Curves(inspection=seen)) is not None) is is_found


@pytest.mark.parametrize(("times", "is_found"), [(32.0, True), (65536.0, False)])
def test_the_factor_of_a_gradient_scaler_is_no_sum(times, is_found):
    seen = replace(CLEAN, batch_loss_ratio=None, loss_scale=times)
    assert (find_wrong_reduction(Curves(inspection=seen)) is not None) is is_found


def test_chance_in_the_answers_is_not_taken_for_mixed_samples():
    for share, kinds in ((0.9, ["input_ignored"]), (0.1, []), (0.0, ["mixed_samples"])):
        seen = replace(CLEAN, mixed_samples=True, chance_share=share)
        assert [f.kind for f in look_inside(Curves(inspection=seen))] == kinds


@pytest.mark.parametrize(("ratio", "is_found"), [(2e-4, True), (2e-3, False)])
def test_updates_that_lead_nowhere_all_together_are_too_small(ratio, is_found):
    # One layer moves more than the others, as small last ones do.
    moved = {"0": [ratio] * 300, "1": [ratio] * 300, "2": [8 * ratio] * 300}
    run = Curves(
        loss=_series(_noisy([2.3] * 300, 0.05)),
        ratios={name: _series(values) for name, values in moved.items()},
    )
    assert (find_lr_too_low(run) is not None) is is_found


@pytest.mark.parametrize(
    ("optimizer", "first", "is_found"),
    [("AdamW", 0.6, True), ("AdamW", 0.08, False), ("RMSprop", 0.6, False)],
)
def test_first_updates_tell_an_lr_too_high_where_the_loss_does_not_settle(
    optimizer, first, is_found
):
    ratios = {"0": _series([first, *[0.04] * 299]), "1": _series([first] * 300)}
    run = Curves(
        loss=_series(_noisy([1.0] * 300, 0.1)),
        ratios={**ratios, "2": _series([first, *[0.04] * 299])},
        inspection=replace(CLEAN, optimizer=optimizer),
    )
    assert (find_lr_too_high(run) is not None) is is_found
    assert first_ratio(run) == pytest.approx(first / (1 + 9 * (optimizer == "RMSprop")))


@pytest.mark.parametrize(("reached", "is_found"), [(0.85, True), (0.95, False)])
def test_a_model_that_plain_methods_beat_on_new_samples_is_too_small(reached, is_found):
    signal = SignalFacts(
        samples=500, neighbour=0.98, linear=0.95, chance=0.1, error=0.014
    )
    run = Curves(
        # It still gets better on its own samples; on new ones it does not.
        loss=_series(_noisy(np.linspace(2.3, 0.3, 400), 0.02)),
        accuracy=_series([reached + 0.02] * 400),
        val_loss=_series([0.5] * 20, every=20),
        val_accuracy=_series([reached] * 20, every=20),
        facts=DIGITS,
        val_samples=300,
        inspection=replace(CLEAN, signal=signal),
    )
    assert (find_underfitting(run) is not None) is is_found


def test_accuracy_that_is_given_away_for_rare_classes_is_no_small_model():
    signal = SignalFacts(
        samples=500, neighbour=0.98, linear=0.95, chance=0.1, error=0.014
    )
    run = Curves(
        loss=_series(_noisy([0.5] * 400, 0.02)),
        accuracy=_series([0.87] * 400),
        val_accuracy=_series([0.85] * 20, every=20),
        facts=replace(DIGITS, class_weights=[1.0] * 9 + [2.0]),
        val_samples=300,
        inspection=replace(CLEAN, signal=signal),
    )
    assert find_underfitting(run) is None
    assert find_underfitting(replace(run, facts=DIGITS)) is not None


@pytest.mark.parametrize(("scatter", "is_found"), [(0.02, True), (0.8, False)])
def test_a_flat_start_must_stand_out_of_the_noise(scatter, is_found):
    flat, fall = [2.3] * 200, np.linspace(2.3, 1.5, 40)
    run = Curves(loss=_series(_noisy([*flat, *fall, *[1.5] * 160], scatter)))
    assert (find_bad_initialization(run) is not None) is is_found


def test_few_samples_learned_by_heart_are_no_doubt_about_labels():
    run = curves("labels_carry_no_signal")
    assert find_labels_without_signal(replace(run, train_samples=1000)) is not None
    assert find_labels_without_signal(replace(run, train_samples=40)) is None


@pytest.mark.parametrize(
    ("first_loss", "first_norm", "is_found"),
    [(3.6, 20.0, True), (3.6, 2.0, False), (2.31, 20.0, False)],
)
def test_a_steep_start_needs_a_loss_that_begins_too_high(
    first_loss, first_norm, is_found
):
    run = Curves(
        loss=_series(_noisy([first_loss, *[2.2] * 199], 1e-3)),
        grad_norm=_series([first_norm, *[1.0] * 99]),
        facts=DIGITS,
    )
    found = find_exploding_gradients(run)
    assert _kinds(found) == ("medium" if is_found else None)


@pytest.mark.parametrize(("first_ratio", "is_found"), [(0.01, True), (np.inf, False)])
def test_one_layer_that_begins_alike_counts_unless_it_begins_at_zero(
    first_ratio, is_found
):
    ratios = {"0.weight": [first_ratio, 0.01, 0.01], "2.weight": [0.01] * 3}
    run = Curves(
        loss=_series(_noisy([2.2] * 200, 0.01)),
        ratios={name: _series(values) for name, values in ratios.items()},
        facts=DIGITS,
        inspection=replace(CLEAN, alike_at_start=["0.weight"]),
    )
    assert _kinds(find_symmetric_initialization(run)) == (
        "medium" if is_found else None
    )


@pytest.mark.parametrize(
    ("alike", "parameters", "is_found"), [(3, 6, True), (2, 22, False), (1, 2, False)]
)
def test_before_any_update_it_takes_more_layers_that_begin_alike(
    alike, parameters, is_found
):
    names = [f"{n}.weight" for n in range(alike)]
    seen = replace(CLEAN, alike_at_start=names, parameters=parameters)
    found = find_symmetric_initialization(Curves(inspection=seen))
    assert (found is not None) is is_found


@pytest.mark.parametrize(("ratio", "raises"), [(1e-3, True), (2e-2, False)])
def test_a_run_that_is_too_short_is_told_to_hurry_where_updates_are_small(
    ratio, raises
):
    run = Curves(
        loss=_series(np.linspace(2.3, 1.0, 100)),
        val_loss=_series([2.0, 1.8, 1.6, 1.4, 1.2, 1.0], every=16),
        ratios={"0": _series([ratio] * 100)},
        config={"lr": 1e-3},
        epochs=6,
    )
    found = find_needs_longer_training(run)
    assert found is not None
    change = found.advice[0].change
    assert change == {"epochs": 48, **({"lr": 3e-3} if raises else {})}


@pytest.mark.parametrize(("first", "is_found"), [(39.9, True), (1.3, False)])
def test_a_first_minibatch_far_below_the_best_constant_answer_tells_a_sum(
    first, is_found
):
    facts = LossFacts(
        name="my_loss",
        kind=None,
        target_mean=0.0,
        target_second_moment=1.0,
        batch_size=32,
        constant_loss=900.0 if is_found else 1.0,
    )
    own = replace(
        seen(batch_loss_ratio=None),
        facts=facts,
        loss=series([first, 20.0, 15.0]),
        train_samples=900,
    )
    found = find_wrong_reduction(own)
    assert (found is not None) is is_found
    # What was trained before begins far below it, too, at a mean.
    pretrained = replace(facts, constant_loss=1.0)
    low = replace(own, facts=pretrained, loss=series([0.035, 0.03, 0.03]))
    assert find_wrong_reduction(low) is None


@pytest.mark.parametrize(("batch", "is_found"), [(4, False), (256, True)])
def test_rare_answers_that_count_more_excuse_the_loss_of_a_small_minibatch(
    batch, is_found
):
    facts = LossFacts(
        name="BCEWithLogitsLoss",
        kind="bce_with_logits",
        priors=[0.1],
        pos_weights=[9.0],
        batch_size=batch,
    )
    drawn = replace(seen(), facts=facts, loss=series([3.4, 1.0, 1.0]))
    assert (find_initial_loss_at_start(drawn) is not None) is is_found


@pytest.mark.parametrize(("before", "is_found"), [(1.4, True), (0.85, False)])
def test_an_lr_is_lowered_too_early_where_much_was_still_being_lost(before, is_found):
    loss = [*np.linspace(before, 0.7, 100), *[0.7] * 100]
    steps = series([0.1] * 100 + [0.01] * 100)
    stepped = replace(seen(), loss=series(loss), lr=steps)
    assert (find_lr_decayed_too_early(stepped) is not None) is is_found
    # The fall was of training data that were learned by heart.
    by_heart = replace(stepped, val_loss=_series([1.0] * 10, every=20))
    assert find_lr_decayed_too_early(by_heart) is None


@pytest.mark.parametrize(("spread", "is_found"), [(0.1, False), (0.95, True)])
def test_an_output_that_is_the_same_for_all_may_begin_on_the_wrong_side(
    spread, is_found
):
    rare = LossFacts(
        name="BCEWithLogitsLoss", kind="bce_with_logits", priors=[0.04], batch_size=64
    )
    begun = replace(
        seen(output_spread=spread), facts=rare, loss=series([1.2, 1.0, 0.9])
    )
    assert (find_initial_loss_at_start(begun) is not None) is is_found
