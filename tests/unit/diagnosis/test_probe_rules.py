"""Rules on what a look inside a training process found, and what follows from what."""

import math

import numpy as np
import pytest
from msgspec.structs import replace

from tests.unit.diagnosis.recorded import curves, model
from tuitrain.diagnosis import CAUSES, Curves, arrange, examine, look_inside
from tuitrain.diagnosis.arbitration import BUGS, FIRST
from tuitrain.diagnosis.rules.bad_initialization import find_faint_signal
from tuitrain.diagnosis.rules.class_collapse import find_class_collapse
from tuitrain.diagnosis.rules.dead_relu import find_dead_relu
from tuitrain.diagnosis.rules.excess_regularization import find_excess_regularization
from tuitrain.diagnosis.rules.exploding_gradients import find_exploding_gradients
from tuitrain.diagnosis.rules.initial_loss_at_start import find_initial_loss_at_start
from tuitrain.diagnosis.rules.labels_carry_no_signal import find_labels_without_signal
from tuitrain.diagnosis.rules.saturated_activations import find_saturated_activations
from tuitrain.diagnosis.rules.saturated_early import find_saturated_early
from tuitrain.diagnosis.rules.stalled import find_stalled
from tuitrain.diagnosis.rules.train_val_leakage import find_train_val_leakage
from tuitrain.diagnosis.rules.vanishing_gradients import find_vanishing_gradients
from tuitrain.events import (
    Confidence,
    Finding,
    InputFacts,
    Inspection,
    LossFacts,
    Severity,
    SignalFacts,
    TrialId,
    UnitFacts,
)
from tuitrain.model import EMPTY_SERIES, Series

DIGITS = LossFacts(
    name="CrossEntropyLoss",
    kind="cross_entropy",
    classes=10,
    priors=[0.1] * 10,
    batch_size=32,
)
CLEAN = Inspection(
    iterations=60,
    optimizer="AdamW",
    stale_checked=19,
    parameters=6,
    gradient_rms={"0.weight": 0.01, "2.weight": 0.01, "4.weight": 0.02},
    output_shape=[32, 10],
    target_shape=[32],
    outputs_seen=128,
    are_probabilities=False,
    are_log_probabilities=False,
    in_unit_interval=False,
    is_broadcast=False,
    batch_loss_ratio=1.0,
    mixed_samples=False,
    varies_with_input=True,
    mode_layers=2,
    top_class=0.2,
    weight_norm_at_start=5.0,
    weight_norm=6.0,
    inputs=InputFacts(layer="0", samples=500, features=64, largest=3.0, rms=1.0),
    twins=0.0,
    twins_within=0.0,
    units=[UnitFacts(name="relu after 0", kind="relu", units=64, dead=0.1)],
    units_at_start=[UnitFacts(name="relu after 0", kind="relu", units=64, dead=0.1)],
)


def seen(**changes) -> Curves:
    found = {**{f: getattr(CLEAN, f) for f in CLEAN.__struct_fields__}, **changes}
    return Curves(inspection=Inspection(**found), facts=DIGITS, config={"lr": 0.1})


def series(values) -> Series:
    iterations = np.arange(1, len(values) + 1, dtype=np.int64)
    return EMPTY_SERIES.append(iterations, np.array(values, dtype=np.float64))


STUCK = series([0.1] * 200)
"""A training accuracy at chance."""


def test_nothing_is_found_where_all_is_well():
    assert look_inside(seen()) == ()


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("gradients_not_zeroed", {"stale": 19}),
        ("no_gradient", {"no_gradient": ["0.weight"]}),
        ("not_in_optimizer", {"not_in_optimizer": ["4.weight"]}),
        ("mixed_samples", {"mixed_samples": True}),
        ("input_ignored", {"varies_with_input": False}),
        ("symmetric_initialization", {"alike_units": ["0.weight"]}),
        ("wrong_reduction", {"batch_loss_ratio": 2.0}),
        ("wrong_mode", {"off_in_training": ["1", "3"]}),
        ("output_loss_mismatch", {"are_probabilities": True}),
        ("output_loss_mismatch", {"is_broadcast": True}),
        (
            "unnormalized_inputs",
            {
                "inputs": InputFacts(
                    layer="0", samples=500, features=64, rms=80.0, largest=255.0
                )
            },
        ),
        (
            "unnormalized_inputs",
            {
                "inputs": InputFacts(
                    layer="0",
                    samples=500,
                    features=64,
                    rms=1.0,
                    largest=3.0,
                    mean_over_sd=30.0,
                )
            },
        ),
        (
            "non_finite",
            {
                "inputs": InputFacts(
                    layer="0", samples=99, features=64, largest=3.0, not_finite=3
                )
            },
        ),
        ("train_val_leakage", {"twins": 0.2}),
    ],
)
def test_each_fact_has_its_finding(kind, changes):
    (finding,) = look_inside(seen(**changes))
    assert finding.kind == kind
    assert finding.severity.rank >= Severity.HIGH.rank
    assert finding.advice
    assert finding.summary.endswith(".")


@pytest.mark.parametrize(
    "changes",
    [
        {"stale": 2, "stale_checked": 2},
        {"stale": 5, "stale_checked": 19},
        {"no_gradient": ["0.weight"], "iterations": 3},
        {"off_in_training": ["1"]},
        {"are_log_probabilities": True},
        {"in_unit_interval": True},
        {"varies_with_input": False, "iterations": 1},
        {"twins": 0.02, "twins_within": 0.02},
        {"batch_loss_ratio": 1.2},
        {
            "inputs": InputFacts(
                layer="0", samples=10, features=64, rms=80.0, largest=255.0
            )
        },
    ],
)
def test_too_little_evidence_is_none(changes):
    assert look_inside(seen(**changes)) == ()


def test_a_mode_is_wrong_in_validation_only_if_there_is_one():
    on = seen(on_in_validation=["1", "3"])
    assert look_inside(on) == ()
    validated = replace(on, val_loss=series([1.0, 0.9]))
    assert [f.kind for f in look_inside(validated)] == ["wrong_mode"]


def test_dead_units_speak_of_their_onset():
    dead = UnitFacts(name="relu after 0", kind="relu", units=64, dead=0.9)
    early = find_dead_relu(seen(units=[dead], units_at_start=[dead]))
    late = find_dead_relu(seen(units=[dead]))
    assert early is not None
    assert late is not None
    assert "before the first update" in early.summary
    assert (early.advice[0].change, late.advice[0].change) == (None, {"lr": 0.01})
    assert find_dead_relu(seen()) is None


def test_saturation_at_the_start_is_graver():
    full = UnitFacts(name="tanh after 0", kind="tanh", units=64, saturated=0.8)
    early = find_saturated_activations(seen(units_at_start=[full]))
    late = find_saturated_activations(seen(units=[full], units_at_start=[]))
    assert early is not None
    assert late is not None
    assert (early.severity, late.severity) == (Severity.HIGH, Severity.MEDIUM)


def test_a_collapse_is_one_only_where_no_class_is_most_of_the_data():
    assert find_class_collapse(seen(top_class=1.0)) is not None
    assert find_class_collapse(seen(top_class=1.0, iterations=20)) is None
    rare = LossFacts(name="x", kind="cross_entropy", classes=2, priors=[0.9, 0.1])
    assert find_class_collapse(replace(seen(top_class=1.0), facts=rare)) is None


def test_decay_is_excessive_only_where_the_model_does_not_fit():
    strong = seen(decay_over_gradient=5.0, weight_norm=1.0)
    stuck = replace(strong, accuracy=STUCK, config={"weight_decay": 1.0})
    found = find_excess_regularization(stuck)
    assert found is not None
    assert found.advice[0].change is not None
    assert found.advice[0].change["weight_decay"] == pytest.approx(0.01)
    fitted = replace(strong, accuracy=series([0.99] * 200))
    assert find_excess_regularization(fitted) is None
    dropped = replace(seen(largest_dropout=0.9), accuracy=STUCK)
    found = find_excess_regularization(dropped)
    assert found is not None
    assert found.advice[0].change == {"dropout": 0.2}


def test_gradients_vanish_only_where_the_model_does_not_fit():
    faded = seen(gradient_rms={"0.weight": 1e-9, "2.weight": 1e-5, "4.weight": 1e-2})
    assert find_vanishing_gradients(replace(faded, accuracy=STUCK)) is not None
    fitted = replace(faded, accuracy=series([0.99] * 200))
    assert find_vanishing_gradients(fitted) is None
    assert find_vanishing_gradients(replace(seen(), accuracy=STUCK)) is None


def test_gradients_explode_at_once_or_in_spikes():
    start = replace(seen(), accuracy=STUCK, loss=series([2.3] * 200))
    huge = replace(start, grad_norm=series([1e6] * 20))
    spiky = replace(start, grad_norm=series([1.0] * 40 + [500.0, 1.0, 900.0]))
    calm = replace(start, grad_norm=series([1.0, 2.0, 1.5] * 10))
    for each, at_start in ((huge, True), (spiky, False)):
        found = find_exploding_gradients(each)
        assert found is not None
        assert found.evidence["at_start"] is at_start
    assert find_exploding_gradients(calm) is None


def test_the_first_loss_of_a_run_is_looked_at():
    found = find_initial_loss_at_start(replace(seen(), loss=series([38.0, 20.0])))
    assert found is not None
    assert found.kind == "initial_loss_mismatch"
    assert find_initial_loss_at_start(replace(seen(), loss=series([2.4]))) is None
    resumed = EMPTY_SERIES.append(np.array([50]), np.array([38.0]))
    assert find_initial_loss_at_start(replace(seen(), loss=resumed)) is None


def test_samples_without_signal_are_doubted_until_validation_says_otherwise():
    none = SignalFacts(samples=500, neighbour=0.1, linear=0.11, chance=0.1, error=0.013)
    doubted = find_labels_without_signal(seen(signal=none))
    assert doubted is not None
    assert doubted.severity is Severity.MEDIUM
    good = replace(
        seen(signal=none),
        val_loss=series([1.0, 0.5, 0.2]),
        val_accuracy=series([0.6, 0.8, 0.9]),
    )
    assert find_labels_without_signal(good) is None
    some = SignalFacts(samples=500, neighbour=0.5, linear=0.1, chance=0.1, error=0.013)
    assert find_labels_without_signal(seen(signal=some)) is None


def test_few_twins_are_a_remark():
    found = find_train_val_leakage(seen(twins=0.005))
    assert found is not None
    assert found.severity is Severity.LOW


def test_a_training_that_saturated_early_is_told_by_how_much():
    losses = [2.0, 1.0, 0.5, 0.3, *[0.299] * 16]
    found = find_saturated_early(Curves(val_loss=series(losses)))
    assert found is not None
    assert found.severity is Severity.INFO
    assert found.advice[0].change == {"epochs": 5}
    falling = [2.0 * 0.8**i for i in range(20)]
    assert find_saturated_early(Curves(val_loss=series(falling))) is None


def test_a_trial_is_stalled_by_its_own_pace_and_only_while_it_runs():
    times = series([10.0 * i for i in range(20)])
    assert find_stalled(Curves(times=times, now_s=190.0 + 201.0)) is not None
    assert find_stalled(Curves(times=times, now_s=190.0 + 199.0)) is None
    assert find_stalled(Curves(times=times, now_s=None)) is None
    quick = series([0.1 * i for i in range(20)])
    assert find_stalled(Curves(times=quick, now_s=1.9 + 59.0)) is None


def _nodes(kind: str) -> list[str]:
    """Causes of a kind, and those that are left for one that was there at the start."""
    if kind in CAUSES:
        return list(CAUSES[kind])
    base = kind.removesuffix("@start")
    causes = CAUSES.get(base, ())
    return (
        [c for c in causes if c in BUGS and "@" not in c]
        if kind != base
        else list(causes)
    )


def test_no_finding_is_a_consequence_of_itself_by_any_way():
    def reach(kind: str, way: tuple[str, ...]) -> None:
        assert kind not in way, " → ".join((*way, kind))
        for cause in _nodes(kind):
            if cause.removesuffix("@start") != kind.removesuffix("@start"):
                reach(cause, (*way, kind))

    for kind in (*CAUSES, *FIRST):
        reach(kind, ())


def test_what_a_probe_saw_is_the_cause_of_the_rest():
    def finding(kind: str, severity: Severity) -> Finding:
        return Finding(
            kind=kind,
            severity=severity,
            confidence=Confidence.HIGH,
            summary="It is so.",
        )

    ordered = arrange(
        [
            finding("divergence", Severity.CRITICAL),
            finding("dead_relu", Severity.HIGH),
            finding("gradients_not_zeroed", Severity.CRITICAL),
            finding("underfitting", Severity.MEDIUM),
        ]
    )
    assert ordered[0].kind == "gradients_not_zeroed"
    assert {f.consequence_of for f in ordered[1:]} == {"gradients_not_zeroed"}


def test_a_healthy_run_with_a_clean_inspection_has_no_finding():
    whole = curves("healthy_mlp")
    assert whole.inspection is None
    trial = TrialId("0001")
    trials = dict(model("healthy_mlp").trials)
    trials[trial] = replace(trials[trial], inspection=CLEAN)
    found = examine(replace(model("healthy_mlp"), trials=trials), trial)
    assert [f for f in found if f.severity.rank >= Severity.MEDIUM.rank] == []


def test_numbers_that_are_none_do_not_break_a_rule():
    broken = replace(
        seen(),
        loss=series([math.nan] * 40),
        accuracy=series([math.nan] * 40),
        val_loss=series([math.inf] * 12),
        grad_norm=series([math.inf] * 40),
    )
    assert look_inside(broken) == ()
    for rule in (find_exploding_gradients, find_saturated_early, find_class_collapse):
        assert rule(broken) is None


@pytest.mark.parametrize(
    ("change", "is_found"),
    [
        ({}, True),
        ({"output_spread": 0.2}, False),
        ({"output_spread": None}, False),
        ({"normalizations": 2}, False),
        ({"alike_at_start": ["4.weight"]}, False),
        ({"head_inputs": 3}, False),
        (
            {"units_at_start": [UnitFacts(name="r", kind="relu", units=8, dead=1.0)]},
            False,
        ),
    ],
)
def test_outputs_that_hardly_depend_on_inputs_are_a_bad_start(change, is_found):
    faint = {"output_spread": 1e-4, "head_inputs": 64}
    assert (find_faint_signal(seen(**faint | change)) is not None) is is_found


def _at_start(kind: str, severity: Severity) -> Finding:
    return Finding(
        kind=kind,
        severity=severity,
        confidence=Confidence.HIGH,
        summary="",
        evidence={"at_start": True},
    )


def test_a_bad_start_is_why_units_die_and_nothing_is_learned():
    found = {
        each.kind: each.consequence_of
        for each in arrange(
            [
                _at_start("dead_relu", Severity.HIGH),
                _at_start("loss_not_decreasing", Severity.HIGH),
                _at_start("bad_initialization", Severity.MEDIUM),
            ]
        )
    }
    assert found == {
        "bad_initialization": None,
        "dead_relu": "bad_initialization",
        "loss_not_decreasing": "bad_initialization",
    }
