"""Causes that are possible beside another one: when they are named, and how low."""

import numpy as np
import pytest
from msgspec.structs import replace

from tests.unit.diagnosis.test_probe_rules import seen, series
from tuitrain.diagnosis import Curves, arrange
from tuitrain.diagnosis.rules.bad_initialization import find_large_weights
from tuitrain.diagnosis.rules.class_collapse import find_class_collapse
from tuitrain.diagnosis.rules.excess_regularization import find_excess_regularization
from tuitrain.diagnosis.rules.labels_carry_no_signal import find_labels_without_signal
from tuitrain.diagnosis.rules.lr_decayed_too_early import find_lr_decayed_too_early
from tuitrain.diagnosis.rules.lr_too_high import find_lr_too_high
from tuitrain.diagnosis.rules.lr_too_low import find_lr_perhaps_too_low
from tuitrain.diagnosis.rules.needs_longer_training import find_needs_longer_training
from tuitrain.diagnosis.rules.progress import explained_share
from tuitrain.diagnosis.rules.underfitting import find_underfitting
from tuitrain.diagnosis.rules.update_ratios import late_ratios
from tuitrain.diagnosis.rules.vanishing_gradients import find_vanishing_gradients
from tuitrain.events import (
    Confidence,
    Finding,
    LossFacts,
    Severity,
    SignalFacts,
    UnitFacts,
)
from tuitrain.model import EMPTY_SERIES


def finding(kind: str, severity: Severity, **evidence: bool | int) -> Finding:
    return Finding(
        kind=kind,
        severity=severity,
        confidence=Confidence.HIGH,
        summary="It is so.",
        evidence={**evidence},
    )


def causes(*findings: Finding) -> dict[str, str | None]:
    return {each.kind: each.consequence_of for each in arrange(findings)}


def falling(iterations: int, end: float) -> Curves:
    """A training whose losses fall to the end, and whose accuracy is at 60 %."""
    return replace(
        seen(),
        loss=series(np.linspace(2.3, end, iterations)),
        accuracy=series([0.6] * iterations),
        val_loss=series(np.linspace(2.3, end, 15)),
        epochs=15,
    )


def test_what_is_only_possible_explains_nothing():
    short = finding("needs_longer_training", Severity.LOW)
    assert causes(short, finding("lr_too_low", Severity.MEDIUM)) == {
        "lr_too_low": None,
        "needs_longer_training": "lr_too_low",
    }
    possible = arrange([short, finding("lr_too_low", Severity.LOW)])
    assert [each.kind for each in possible] == ["needs_longer_training", "lr_too_low"]
    assert [each.consequence_of for each in possible] == [None, None]


def test_few_units_that_are_dead_are_why_no_input_gets_through():
    ignored = finding("input_ignored", Severity.CRITICAL)
    nothing = finding("no_gradient", Severity.CRITICAL)
    dead = finding("underfitting", Severity.MEDIUM, narrowest=2, is_dead=True)
    alive = finding("underfitting", Severity.MEDIUM, narrowest=2)
    assert causes(dead, ignored, nothing) == {
        "underfitting": None,
        "input_ignored": "underfitting",
        "no_gradient": "underfitting",
    }
    assert causes(alive, ignored)["underfitting"] == "input_ignored"
    at_start = finding("input_ignored", Severity.CRITICAL, at_start=True)
    assert causes(dead, at_start)["underfitting"] == "input_ignored"


@pytest.mark.parametrize(("units", "severity"), [(2, Severity.LOW), (64, None)])
def test_a_narrow_layer_may_be_why_a_model_learns_slowly(units, severity):
    unit = UnitFacts(name="relu after 0", kind="relu", units=units, dead=1.0)
    slow = falling(400, 1.0)
    assert slow.inspection is not None
    inside = replace(slow.inspection, units_at_start=[unit], units=[unit])
    found = find_underfitting(replace(slow, inspection=inside))
    assert (found and found.severity) == severity
    assert found is None or found.evidence["is_dead"] is True


@pytest.mark.parametrize(("ratio", "is_found"), [(5e-4, True), (2e-2, False)])
def test_small_updates_of_a_training_that_is_not_done_may_be_too_small(ratio, is_found):
    slow = replace(falling(400, 1.5), ratios={"0.weight": series([ratio] * 400)})
    found = find_lr_perhaps_too_low(slow)
    assert (found is not None) is is_found
    assert found is None or found.severity is Severity.LOW
    fits = replace(slow, accuracy=series([0.97] * 400))
    assert find_lr_perhaps_too_low(fits) is None


def test_small_updates_may_be_why_a_model_whose_loss_is_flat_names_one_class():
    flat = replace(
        falling(400, 1.0),
        loss=series([*np.linspace(2.3, 1.0, 100), *([1.0] * 300)]),
        val_loss=series([*np.linspace(2.3, 1.0, 4), *([1.0] * 11)]),
        ratios={"0.weight": series([5e-4] * 400)},
    )
    assert find_lr_perhaps_too_low(flat) is None
    collapsed = replace(flat, inspection=seen(top_class=1.0).inspection)
    assert find_lr_perhaps_too_low(collapsed) is not None


@pytest.mark.parametrize(("lr_at_end", "is_found"), [(1.0, True), (0.1, False)])
def test_a_creeping_run_has_too_low_an_lr_unless_a_schedule_took_it(
    lr_at_end, is_found
):
    creeping = replace(
        falling(400, 2.2),
        ratios={"0.weight": series([3e-4] * 400)},
        lr=series([1.0, lr_at_end]),
    )
    assert find_needs_longer_training(creeping) is None
    assert (find_lr_perhaps_too_low(creeping) is not None) is is_found


@pytest.mark.parametrize(
    ("losses", "is_found"),
    [
        ([6, 5, 4, 3, 2, 1], True),
        ([6, 4, 5, 3, 2, 1], True),
        ([6, 4, 5, 2, 3, 1], False),
    ],
)
def test_a_short_run_may_be_worse_once_on_its_way(losses, is_found):
    short = replace(falling(60, 1.0), val_loss=series(losses), epochs=6)
    assert (find_needs_longer_training(short) is not None) is is_found


def test_a_loss_that_stays_at_chance_leaves_samples_the_last_word():
    none = SignalFacts(samples=500, neighbour=0.1, linear=0.11, chance=0.1, error=0.013)
    lucky = replace(
        seen(signal=none),
        loss=series([2.4, 2.2] * 60),
        val_loss=series([2.35, 2.3, 2.1, 2.32, 2.31, 2.3, 2.33, 2.3]),
    )
    doubted = find_labels_without_signal(lucky)
    assert doubted is not None
    assert doubted.evidence["samples"] == 500
    learned = replace(lucky, loss=series(np.linspace(2.3, 1.0, 120)))
    assert find_labels_without_signal(learned) is None


def test_first_updates_far_too_large_are_told_where_the_loss_settled():
    ratios = {"0.weight": series([0.6] * 3 + [0.02] * 397)}
    loss = series([*np.linspace(2.3, 0.3, 200), *np.linspace(0.3, 0.25, 200)])
    thrown = replace(falling(400, 1.0), loss=loss, ratios=ratios)
    found = find_lr_too_high(thrown)
    assert found is not None
    assert found.severity is Severity.LOW
    assert thrown.inspection is not None
    zero = replace(thrown.inspection, alike_at_start=["0.weight"])
    assert find_lr_too_high(replace(thrown, inspection=zero)) is None


def test_first_updates_far_too_large_are_told_where_a_plain_method_does_better():
    ratios = {"0.weight": series([0.6] * 3 + [0.02] * 397)}
    plain = SignalFacts(
        samples=500, neighbour=0.97, linear=0.9, chance=0.1, error=0.013
    )
    fitted = replace(
        falling(400, 0.2),
        accuracy=series([0.96] * 400),
        val_accuracy=series([0.85] * 15),
        val_samples=500,
        ratios=ratios,
        inspection=seen(signal=plain).inspection,
    )
    found = find_lr_too_high(fitted)
    assert found is not None
    assert found.severity is Severity.LOW
    good = replace(fitted, val_accuracy=series([0.96] * 15))
    assert find_lr_too_high(good) is None


@pytest.mark.parametrize(
    ("scale", "severity"),
    [(1.4, None), (3.0, Severity.LOW), (8.0, Severity.MEDIUM), (None, None)],
)
def test_weights_larger_than_any_usual_ones_are_told(scale, severity):
    found = find_large_weights(seen(weight_scale=scale, weight_scale_layer="body.1"))
    assert (found and found.severity) == severity
    assert found is None or "body.1" in found.summary
    if found is not None and severity is Severity.LOW:
        slow = finding("needs_longer_training", Severity.LOW)
        assert causes(found, slow) == {
            "bad_initialization": None,
            "needs_longer_training": None,
        }


@pytest.mark.parametrize(
    ("ratio", "severity"),
    [(1e-4, Severity.HIGH), (5e-3, Severity.LOW), (5e-2, None)],
)
def test_gradients_that_fade_a_little_may_be_why_a_model_fits_poorly(ratio, severity):
    sizes = {"0.weight": ratio, "1.weight": ratio**0.5, "2.weight": 1.0}
    poor = replace(
        seen(gradient_rms=sizes),
        loss=series([2.0] * 300),
        accuracy=series([0.3] * 300),
    )
    found = find_vanishing_gradients(poor)
    assert (found and found.severity) == severity
    assert find_vanishing_gradients(replace(poor, accuracy=series([0.9] * 300))) is None


@pytest.mark.parametrize(
    ("accuracy", "severity"), [(0.6, Severity.MEDIUM), (0.99, Severity.LOW)]
)
def test_an_lr_that_was_cut_early_is_told_whatever_was_learned(accuracy, severity):
    lr = EMPTY_SERIES.append(np.array([1, 100]), np.array([4e-3, 4e-6]))
    cut = replace(
        falling(400, 0.1),
        accuracy=series([accuracy] * 400),
        lr=lr,
        ratios={"0.weight": series([0.03] * 100 + [8e-6] * 300)},
    )
    found = find_lr_decayed_too_early(cut)
    assert found is not None
    assert found.severity is severity
    moving = {"0.weight": series([0.03] * 100 + [2e-3] * 300)}
    slight = find_lr_decayed_too_early(replace(cut, ratios=moving))
    assert slight is None or slight.severity is not Severity.LOW


def test_a_run_of_two_hundred_iterations_has_late_ratios():
    read = [*range(1, 21), *range(40, 201, 20)]
    short = EMPTY_SERIES.append(
        np.array(read, dtype=np.int64), np.full(len(read), 2e-3)
    )
    told = late_ratios(replace(falling(200, 1.0), ratios={"0.weight": short}))
    assert told == {"0.weight": pytest.approx(2e-3)}


@pytest.mark.parametrize(("kept", "is_found"), [(0.6, True), (1.2, False)])
def test_decay_that_shrinks_the_weights_is_worth_a_remark(kept, is_found):
    lossy = seen(
        decay_over_gradient=0.15, weight_norm_at_start=5.0, weight_norm=5 * kept
    )
    found = find_excess_regularization(
        replace(lossy, accuracy=series([0.85] * 200), config={"weight_decay": 1.0})
    )
    assert (found is not None) is is_found
    assert found is None or found.severity is Severity.LOW


@pytest.mark.parametrize(("validated", "is_found"), [(0.90, True), (0.955, False)])
def test_fewer_right_answers_than_one_answer_gets_tell_other_classes(
    validated, is_found
):
    facts = LossFacts(
        name="BCEWithLogitsLoss", kind="bce_with_logits", priors=[0.04], batch_size=32
    )
    trained = replace(
        seen(),
        facts=facts,
        accuracy=series([0.97] * 200),
        val_accuracy=series([validated] * 10),
        val_samples=600,
    )
    assert (find_class_collapse(trained) is not None) is is_found
    given_away = replace(facts, pos_weights=[9.0])
    weighted = replace(trained, facts=given_away, val_accuracy=series([0.75] * 10))
    assert find_class_collapse(weighted) is None
    held = replace(trained, accuracy=series([0.85] * 200))
    assert find_class_collapse(held) is None


def test_a_training_that_names_one_class_learns_nothing_by_heart():
    facts = LossFacts(
        name="CrossEntropyLoss", kind="cross_entropy", classes=2, priors=[0.84, 0.16]
    )
    stuck = replace(
        seen(),
        facts=facts,
        loss=series(np.linspace(0.6, 0.37, 400)),
        accuracy=series([0.841] * 400),
        val_loss=series([0.55] * 10),
        val_accuracy=series([0.8] * 10),
        train_samples=1400,
        val_samples=470,
    )
    assert find_labels_without_signal(stuck) is None
    by_heart = replace(stuck, accuracy=series([0.95] * 400))
    found = find_labels_without_signal(by_heart)
    assert found is not None
    assert found.severity is Severity.CRITICAL


def test_where_classes_count_differently_a_fit_is_told_by_the_loss():
    weighted = LossFacts(
        name="CrossEntropyLoss",
        kind="cross_entropy",
        classes=2,
        priors=[0.9, 0.1],
        class_weights=[0.55, 5.0],
    )
    given_away = replace(
        seen(), loss=series([0.1] * 200), accuracy=series([0.88] * 200)
    )
    plain = replace(weighted, class_weights=None)
    assert (explained_share(replace(given_away, facts=plain)) or 0.0) < 0
    assert (explained_share(replace(given_away, facts=weighted)) or 0.0) > 0.8
