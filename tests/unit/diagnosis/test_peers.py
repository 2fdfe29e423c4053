"""Ports of peers: each catches a run that shows its fault, and lets a clean one be."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from tests.benchmarks.diagnosis.peers import (
    ALL_PORTS,
    PEER_KINDS,
    AlwaysAlarm,
    AutoTrainer,
    BTTackler,
    EarlyStopping,
    NeverAlarm,
    RunView,
    SageMaker,
    Umlaut,
    best_decile,
)
from tests.benchmarks.diagnosis.peers.tensors import TensorLog, inactive_share
from tests.benchmarks.diagnosis.peers.view import view_of
from tests.unit.diagnosis.recorded import NAMES, TRIAL, model

EPOCHS, PER_EPOCH = 24, 10
STEPS = range(1, EPOCHS * PER_EPOCH + 1)


def _each(value: float) -> list[tuple[int, float]]:
    return [(step, value) for step in STEPS]


def _falling(start: float, end: float, points: int) -> np.ndarray:
    return np.geomspace(start, end, points)


CLEAN = RunView(
    iterations=np.array(STEPS),
    loss=_falling(2.3, 0.2, len(STEPS)),
    accuracy=np.linspace(0.1, 0.93, len(STEPS)),
    epoch_iterations=tuple(range(PER_EPOCH, len(STEPS) + 1, PER_EPOCH)),
    val_loss=_falling(2.2, 0.21, EPOCHS),
    val_accuracy=np.linspace(0.2, 0.92, EPOCHS),
    train_loss_by_epoch=_falling(2.2, 0.2, EPOCHS),
    train_accuracy_by_epoch=np.linspace(0.2, 0.93, EPOCHS),
    lr=1e-3,
    is_classification=True,
    classes=2,
    optimizer="AdamW",
    dropout=0.5,
    tensors={
        **{f"weight_variance/{n}": [(0, 0.01)] for n in ("a", "b")},
        **{f"grad_mean_abs/{n}": _each(1e-2) for n in ("a", "b")},
        **{f"grad_max_abs/{n}": _each(1.0) for n in ("a", "b")},
        **{f"grad_norm/{n}": _each(1.0) for n in ("a", "b")},
        **{f"grad_zero_share/{n}": _each(0.1) for n in ("a", "b")},
        **{f"grad_spread/{n}": _each(0.1)[:10] for n in ("a", "b")},
        **{f"weight_norm/{n}": _each(3.0) for n in ("a", "b")},
        **{f"update_ratio/{n}": _each(1e-3) for n in ("a", "b")},
        **{f"unchanged/{n}": _each(0.0) for n in ("a", "b")},
        "grad_zero_total": _each(0.1),
        "relu_inactive_share/relu": _each(0.2),
        "tanh_saturated_share/tanh": _each(0.1),
        "sigmoid_saturated_share/sigmoid": _each(0.1),
        "input_min": [(1, -1.0)],
        "input_max": [(1, 1.0)],
        "input_mean": [(1, 0.1)],
        "input_samples": [(1, 640.0)],
        "input_ndim": [(1, 4.0)],
        "output_logsumexp": [(1, 2.3)],
        "expects_log_probabilities": [(0, 0.0)],
        "label_samples": [(1, 640.0)],
        "label_share/0": [(0, 0.5)],
        "label_share/1": [(0, 0.5)],
        "predicted_share/0": [(1, 0.6)],
        "predicted_share/1": [(1, 0.4)],
        "longest_pause_s": [(1, 60.0)],
    },
)


def _with(**tensors) -> RunView:
    """Return the clean run with some readings replaced; `__` stands for the slash."""
    named = {key.replace("__", "/"): value for key, value in tensors.items()}
    return replace(CLEAN, tensors={**CLEAN.tensors, **named})


NAN_LOSS = replace(CLEAN, loss=np.append(CLEAN.loss[:-1], np.nan))
FLAT = np.full(EPOCHS, 0.15)
AT_CHANCE = replace(
    CLEAN, train_accuracy_by_epoch=FLAT, val_accuracy=FLAT, accuracy=FLAT
)
SAW = np.where(np.arange(EPOCHS) % 2, 0.7, 0.9)
OVERFITTED = replace(CLEAN, val_loss=np.append(_falling(2.2, 0.5, 4), [0.9] * 20))

SAGEMAKER = {
    "VanishingGradient": _with(grad_mean_abs__a=_each(1e-8)),
    "ExplodingTensor": NAN_LOSS,
    "DeadRelu": _with(relu_inactive_share__relu=_each(0.6)),
    "SaturatedActivation": _with(tanh_saturated_share__tanh=_each(0.6)),
    "WeightUpdateRatio large": _with(update_ratio__a=_each(11.0)),
    "WeightUpdateRatio small": _with(update_ratio__a=_each(1e-9)),
    "PoorWeightInitialization": replace(
        _with(weight_variance__a=[(0, 1.0)]), loss=np.full(len(STEPS), 2.3)
    ),
    "LossNotDecreasing": replace(CLEAN, val_loss=np.full(EPOCHS, 2.3)),
    "Overfit": OVERFITTED,
    "Overtraining": replace(
        CLEAN, val_loss=np.full(EPOCHS, 0.5), train_loss_by_epoch=np.full(EPOCHS, 0.4)
    ),
    "UnchangedTensor": _with(unchanged__b=_each(1.0)[:3]),
    "ClassImbalance": _with(label_share__0=[(0, 0.92)], label_share__1=[(0, 0.08)]),
    "CheckInputImages": _with(input_mean=[(1, 0.5)]),
    "StalledTrainingRule": _with(longest_pause_s=[(1, 2000.0)]),
}
AUTOTRAINER = {
    "explode NaN": NAN_LOSS,
    "explode": replace(AT_CHANCE, tensors=_with(grad_norm__a=_each(80.0)).tensors),
    "vanish": replace(AT_CHANCE, tensors=_with(grad_norm__a=_each(5e-5)).tensors),
    "relu": replace(AT_CHANCE, tensors=_with(grad_zero_total=_each(0.8)).tensors),
    "not_converge": AT_CHANCE,
    "unstable": replace(CLEAN, train_accuracy_by_epoch=SAW),
}
BTTACKLER = {
    "EG NaN": NAN_LOSS,
    "EG": _with(grad_mean_abs__a=_each(2e4), grad_mean_abs__b=_each(2e4)),
    "VG": _with(grad_mean_abs__a=_each(1e-6), grad_mean_abs__b=_each(1e-6)),
    "DR": _with(grad_zero_share__a=_each(0.7), grad_zero_share__b=_each(0.7)),
    "SC": replace(CLEAN, train_loss_by_epoch=np.full(EPOCHS, 2.3)),
    "HO": replace(CLEAN, val_loss=np.append(CLEAN.val_loss[:18], [1, 9, 2, 9, 3, 9])),
    "NMG train": replace(CLEAN, train_loss_by_epoch=np.linspace(1, 2, EPOCHS)),
    "NMG val": OVERFITTED,
}
UMLAUT = {
    "InputNotNormalized": _with(input_max=[(1, 2.0)]),
    "NaNInLoss": NAN_LOSS,
    "LRHigh": replace(CLEAN, lr=0.02),
    "LRLow": replace(CLEAN, lr=1e-8),
    "Overfitting": OVERFITTED,
    "OverconfidentValAccuracy": replace(CLEAN, val_accuracy=np.full(EPOCHS, 0.96)),
    "NoSoftmaxActivation": _with(expects_log_probabilities=[(0, 1.0)]),
    "HighDropout": replace(CLEAN, dropout=0.6),
}
CASES = [
    (port, rule, view)
    for port, views in (
        (SageMaker(), SAGEMAKER),
        (AutoTrainer(), AUTOTRAINER),
        (BTTackler(), BTTACKLER),
        (Umlaut(), UMLAUT),
        (EarlyStopping(), {"stops early": OVERFITTED}),
        (AlwaysAlarm(), {"always": CLEAN}),
    )
    for rule, view in views.items()
]


@pytest.mark.parametrize(("port", "rule", "view"), CASES)
def test_a_port_alarms_on_the_fault_its_rule_is_for(port, rule, view):
    assert rule in {alarm.rule for alarm in port.alarms(view)}


@pytest.mark.parametrize("port", [p for p in ALL_PORTS if p != AlwaysAlarm()])
def test_a_port_lets_a_clean_run_be(port):
    assert port.alarms(CLEAN) == []


@pytest.mark.parametrize("port", [p for p in ALL_PORTS if p != AlwaysAlarm()])
def test_a_port_says_nothing_of_a_run_that_measured_nothing(port):
    assert port.alarms(RunView()) == []


def test_every_rule_of_the_table_of_kinds_is_shown_by_a_case():
    assert len(CASES) == len(PEER_KINDS)


def test_every_port_has_a_name_of_its_own_and_a_source():
    assert len({port.name for port in ALL_PORTS}) == len(ALL_PORTS)
    assert all(port.source for port in ALL_PORTS)
    assert NeverAlarm().alarms(NAN_LOSS) == []


def test_every_port_reads_every_recorded_run():
    for name in NAMES:
        view = view_of(model(name), TRIAL, tensors={})
        assert len(view.loss)
        assert len(view.epoch_iterations) == len(view.train_loss_by_epoch)
        for port in ALL_PORTS:
            port.alarms(view)


def test_autotrainer_judges_no_regression():
    assert AutoTrainer().alarms(replace(NAN_LOSS, is_classification=False)) == []


def test_autotrainer_keeps_a_gradient_problem_to_itself_if_the_run_converged():
    assert AutoTrainer().alarms(_with(grad_zero_total=_each(0.8))) == []


def test_the_best_tenth_of_a_cohort_is_exempt_from_bttacklers_symptoms_but_not_nan():
    losses = CLEAN.train_loss_by_epoch
    best = best_decile([losses, *[losses * (2 + n) for n in range(9)]])
    assert best is not None
    assert BTTackler(best).alarms(OVERFITTED) == []
    assert BTTackler(best).alarms(NAN_LOSS)
    assert best_decile([losses] * 9) is None


def test_a_stop_on_the_last_epoch_stops_nothing_early():
    ends_flat = replace(CLEAN, val_loss=np.append(_falling(2.0, 0.5, 5), [0.6] * 3))
    assert EarlyStopping(patience=3).alarms(ends_flat) == []
    longer = replace(ends_flat, val_loss=np.append(ends_flat.val_loss, 0.6))
    assert EarlyStopping(patience=3).alarms(longer)
    assert EarlyStopping(patience=5).alarms(longer) == []


def test_mispredictions_of_a_class_follow_from_how_rarely_it_is_predicted():
    collapsed = _with(predicted_share__0=[(1, 0.95)], predicted_share__1=[(1, 0.05)])
    assert [a.says for a in SageMaker().alarms(collapsed)] == ["class_collapse"]


# --- the tensor log ---


def _network() -> nn.Sequential:
    layers = (
        nn.Linear(6, 16),
        nn.ReLU(),
        nn.Linear(16, 8),
        nn.Tanh(),
        nn.Dropout(0.3),
        nn.Linear(8, 3),
    )
    return nn.Sequential(*layers)


def _set_bias(net: nn.Sequential, value: float) -> None:
    first = net[0]
    assert isinstance(first, nn.Linear)
    nn.init.constant_(first.bias, value)


def _train(log: TensorLog | None, steps: int = 22, dead: bool = False):
    torch.manual_seed(0)
    net = _network()
    if dead:
        _set_bias(net, -1e3)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2)
    if log is not None:
        log.attach(net, optimizer)
    for _ in range(steps):
        inputs = torch.randn(32, 6)
        optimizer.zero_grad()
        outputs = net(inputs)
        nn.functional.cross_entropy(outputs, (inputs[:, 0] > 0).long()).backward()
        optimizer.step()
    with torch.no_grad():
        net.eval()(torch.randn(50, 6))
    if log is not None:
        log.detach()
    return net.state_dict(), torch.get_rng_state()


def test_a_tensor_log_leaves_weights_and_randomness_bit_for_bit_as_they_are():
    weights, random = _train(TensorLog())
    untouched, same_random = _train(None)
    assert all(torch.equal(weights[name], untouched[name]) for name in untouched)
    assert torch.equal(random, same_random)


def test_a_tensor_log_records_the_first_steps_and_then_every_fifth():
    log = TensorLog()
    _train(log)
    steps = [step for step, _ in log.values["update_ratio/0.weight"]]
    assert steps == [*range(1, 11), 15, 20]
    assert [step for step, _ in log.values["grad_spread/5.weight"]] == [*range(1, 11)]
    assert all(0 < ratio < 1 for _, ratio in log.values["update_ratio/2.weight"])
    assert all(alike == 0.0 for _, alike in log.values["unchanged/0.weight"])
    shares = [log.values[f"predicted_share/{n}"][-1][1] for n in range(3)]
    assert sum(shares) == pytest.approx(1.0)
    assert log.values["input_samples"][-1] == (15, 512.0)
    layers = list(RunView(tensors=log.values).layers("grad_norm"))
    assert layers == ["0.weight", "2.weight", "5.weight"]


def test_a_tensor_log_removes_all_its_hooks():
    log = TensorLog()
    net = _network()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    log.attach(net, optimizer)
    log.detach()
    before = {key: list(row) for key, row in log.values.items()}
    net(torch.randn(4, 6)).sum().backward()
    optimizer.step()
    assert log.values == before


def test_a_dead_layer_shows_in_the_log_and_to_the_ports():
    log = TensorLog()
    _train(log, dead=True)
    view = RunView(tensors=log.values)
    assert min(view.readings("relu_inactive_share")) == 1.0
    rules = {alarm.rule for alarm in SageMaker().alarms(view)}
    assert {"DeadRelu", "VanishingGradient"} <= rules


def test_a_saturated_layer_shows_in_the_log():
    log, net = TensorLog(), nn.Sequential(nn.Linear(2, 4), nn.Sigmoid())
    _set_bias(net, 50.0)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    log.attach(net, optimizer)
    net(torch.randn(8, 2)).sum().backward()
    optimizer.step()
    log.detach()
    assert log.values["sigmoid_saturated_share/1"] == [(1, 1.0)]


def test_a_unit_of_a_convolution_is_a_channel():
    active = torch.zeros(4, 2, 3, 3, dtype=torch.bool)
    active[0, 0, 0, 0] = True
    assert inactive_share(active) == 0.5
