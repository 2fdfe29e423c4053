"""A script's own loop, under tuitrain: the step's limits hold in it."""

import builtins

import pytest
import torch

from tests.unit.worker.conftest import BEGIN, OWN_LOOP
from tuitrain.events import (
    CheckpointSaved,
    EpochEnded,
    OutcomeKind,
    ProbeFailed,
    Step,
    TrialLimits,
)

MEASURE_ONLY = TrialLimits(batches=4, update=False, regularize=False, validate=False)
OVERFIT = TrialLimits(
    batches=2, iterations=400, regularize=False, validate=False, stop_at_fit=True
)
REMEMBER = "\nimport builtins\nbuiltins.kept = (model, first)\n"


@pytest.fixture
def kept():
    """What a script left for its test."""
    yield lambda: builtins.kept  # type: ignore[attr-defined]
    if hasattr(builtins, "kept"):
        del builtins.kept


def with_first_weights(source: str) -> str:
    return (
        source.replace(
            "run.watch(",
            "first = [p.detach().clone() for p in model.parameters()]\nrun.watch(",
        )
        + REMEMBER
    )


def test_epochs_are_those_of_the_step(run_script):
    ran = run_script(OWN_LOOP, TrialLimits(epochs=3), function=None)
    assert (ran.status, ran.outcome) == (0, OutcomeKind.COMPLETED)
    ends = [e for e in ran.events if isinstance(e, EpochEnded)]
    assert [(e.epoch, e.iteration) for e in ends] == [(1, 5), (2, 10), (3, 15)]
    assert [e for e in ran.events if isinstance(e, CheckpointSaved)][-1].epoch == 3
    assert list(ran.series("loss")) == list(range(1, 16))
    assert list(ran.series("val_loss")) == [5, 10, 15]
    assert {"lr", "grad_norm", "samples_per_s", "update_ratio/0.weight"} <= ran.names()


def test_the_trial_s_configuration_goes_over_the_script_s_own(run_script):
    ran = run_script(OWN_LOOP, function=None, lr=0.02)
    assert ran.series("lr")[1] == 0.02
    assert ran.described.config_read == ["lr", "weight_decay"]


def test_without_update_no_weight_moves(run_script, kept):
    ran = run_script(
        with_first_weights(OWN_LOOP),
        MEASURE_ONLY,
        function=None,
        step=Step.INITIAL_LOSS,
    )
    model, first = kept()
    for now, then in zip(model.parameters(), first, strict=True):
        assert torch.equal(now, then)
    assert ran.outcome is OutcomeKind.COMPLETED
    assert list(ran.series("loss")) == [1, 2, 3, 4]
    assert ran.described.loss.classes == 3
    assert ran.described.regularization_off == [
        "Dropout 0.3 in 3",
        "label smoothing 0.1",
    ]
    assert not ran.folder.checkpoint.exists()


def test_few_minibatches_are_repeated_until_the_logged_accuracy_is_one(run_script):
    ran = run_script(OWN_LOOP, OVERFIT, function=None)
    assert ran.outcome is OutcomeKind.FITTED
    accuracies = list(ran.series("accuracy").values())
    assert accuracies[-2:] == [1.0, 1.0]
    assert len(accuracies) == ran.finished.iteration < 400


def test_an_own_regression_is_fitted_by_its_loss(run_script):
    source = (
        BEGIN
        + """
run = tuitrain.init(config={"lr": 0.1, "weight_decay": 0.0})
x = torch.randn(16, 4)
loader = DataLoader(TensorDataset(x, x[:, :1] * 3 + 1), batch_size=8)
model, loss_fn = nn.Linear(4, 1), nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=run.config["lr"])
run.watch(model, optimizer, loss_fn)
for epoch in run.epochs(1):
    for x, y in run.batches(loader):
        loss = loss_fn(model(x), y)
        optimizer.zero_grad(); loss.backward(); optimizer.step()
        run.log({"loss": loss})
"""
    )
    ran = run_script(source, OVERFIT, function=None, lr=0.1)
    assert ran.outcome is OutcomeKind.FITTED
    assert ran.described.loss.constant_loss > 0


def test_an_iteration_limit_ends_both_loops_and_the_script_goes_on(run_script, kept):
    source = with_first_weights(OWN_LOOP)
    ran = run_script(source, TrialLimits(iterations=12), function=None)
    assert ran.finished.iteration == 12
    assert [e.epoch for e in ran.events if isinstance(e, EpochEnded)] == [1, 2]
    assert kept()


def test_a_nan_loss_ends_the_loops(run_script):
    source = OWN_LOOP.replace(
        "        loss.backward()",
        "        loss = loss * float('nan')\n        loss.backward()",
    )
    ran = run_script(source, TrialLimits(epochs=3000), function=None)
    assert (ran.status, ran.outcome) == (0, OutcomeKind.NON_FINITE)
    assert ran.series("loss")[1] != ran.series("loss")[1]
    assert not ran.folder.checkpoint.exists()


def test_a_loss_given_as_a_function_is_described_from_model_and_minibatch(run_script):
    source = OWN_LOOP.replace(
        "nn.CrossEntropyLoss(label_smoothing=0.1)", "nn.functional.cross_entropy"
    )
    facts = run_script(source, MEASURE_ONLY, function=None).described.loss
    assert (facts.kind, facts.classes) == ("cross_entropy", 3)
    assert sum(facts.priors) == pytest.approx(1)


def test_priors_are_those_of_several_minibatches_and_known_early(run_script):
    source = OWN_LOOP.replace("shuffle=True", "shuffle=False").replace(
        "run = tuitrain.init",
        "labels = torch.arange(400) // 8 % 2\n"  # no minibatch of 8 holds both classes
        "labels[16 * 8:] = 2\n"
        "train_set = TensorDataset(torch.randn(400, 6), labels)\n"
        "run = tuitrain.init",
    )
    facts = run_script(source, TrialLimits(epochs=1), function=None).described.loss
    assert facts.priors == pytest.approx([0.5, 0.5, 0.0])
    assert facts.batch_size == 8


def test_a_declared_initial_loss_is_kept(run_script):
    source = OWN_LOOP.replace("loss=loss_fn)", "loss=None, expected_initial_loss=2)")
    facts = run_script(source, MEASURE_ONLY, function=None).described.loss
    assert (facts.kind, facts.expected) == (None, 2.0)


def test_several_optimizers_are_watched_each_by_its_own_name(run_script):
    source = OWN_LOOP.replace(
        "run.watch(model, optimizer, loss=loss_fn)",
        "second = torch.optim.SGD([nn.Parameter(torch.ones(2, 2))], lr=0.5)\n"
        "run.watch(model, [optimizer, second], loss=loss_fn)",
    ).replace("        optimizer.step()", "        optimizer.step(); second.step()")
    ran = run_script(source, TrialLimits(epochs=1), function=None)
    assert ran.series("lr/1") == {1: 0.5}
    assert ran.series("update_ratio/parameter_0")[1] == 0.0
    assert set(ran.checkpoint()["parts"]) == {"model", "optimizer", "optimizer/1"}


def test_numbers_of_all_kinds_are_logged_and_others_are_told(run_script):
    source = OWN_LOOP.replace(
        'run.log({"loss": loss,',
        "import numpy as np\n"
        '        run.log({"whole": 3, "numpy": np.float32(0.5), "word": "x",\n'
        '                 "many": torch.ones(3), "loss": loss,',
    )
    ran = run_script(source, TrialLimits(epochs=1), function=None)
    assert ran.series("whole")[1] == 3.0
    assert ran.series("numpy")[1] == 0.5
    failed = {e.probe: e.error for e in ran.events if isinstance(e, ProbeFailed)}
    assert set(failed) == {"word", "many"}
    assert "3 elements" in failed["many"]
    assert len(ran.series("loss")) == 5


@pytest.mark.parametrize(
    ("odd", "told"),
    [
        ("torch.tensor(1 + 2j)", "not 'complex'"),
        ("torch.tensor(1.0).to_sparse()", "sparse"),
        ("10**400", "too large"),
        ("Odd()", "not today"),
    ],
)
def test_a_value_that_can_not_be_read_costs_no_other(run_script, odd, told):
    given = BEGIN + (
        "class Odd:\n"
        "    def __float__(self):\n"
        "        raise RuntimeError('not today')\n"
        "run = tuitrain.init()\n"
        "for number in range(3):\n"
        f"    run.log({{'loss': torch.tensor(0.5), 'odd': {odd}}})\n"
    )
    ran = run_script(given, function=None)
    assert ran.series("loss") == dict.fromkeys([1, 2, 3], 0.5)
    (failure,) = [e for e in ran.events if isinstance(e, ProbeFailed)]
    assert failure.probe == "odd"
    assert told in failure.error


def test_a_name_that_is_no_text_costs_no_other(run_script):
    given = BEGIN + (
        "run = tuitrain.init()\nrun.log({'loss': 0.5, ('train', 'f1'): 0.25, None: 1})\n"
    )
    ran = run_script(given, function=None)
    assert ran.series("loss") == {1: 0.5}
    assert ran.series("('train', 'f1')") == {1: 0.25}


@pytest.mark.parametrize(
    "count", ["np.int64(3 + number)", "3.0 + number", "torch.tensor(3 + number)"]
)
def test_a_count_of_any_type_is_taken(run_script, count):
    given = BEGIN + (
        "import numpy as np\nrun = tuitrain.init()\nfor number in range(3):\n"
        f"    run.log({{'loss': 0.5}}, iteration={count})\n"
    )
    ran = run_script(given, function=None)
    assert ran.series("loss") == dict.fromkeys([3, 4, 5], 0.5)


@pytest.mark.parametrize(
    "count",
    ["number / 2 + 0.25", "'first'", "float('nan')", "2**63 + number", "10**5000"],
)
def test_a_count_that_is_no_whole_number_is_told_and_counted_here(run_script, count):
    given = BEGIN + (
        "run = tuitrain.init()\nfor number in range(3):\n"
        f"    run.log({{'loss': 0.5}}, iteration={count})\n"
    )
    ran = run_script(given, function=None)
    assert ran.series("loss") == dict.fromkeys([1, 2, 3], 0.5)
    (failure,) = [e for e in ran.events if isinstance(e, ProbeFailed)]
    assert failure.probe == "iteration"
    assert "no whole number" in failure.error


def test_a_tensor_may_be_changed_after_it_was_logged(run_script):
    source = OWN_LOOP.replace(
        'run.log({"loss": loss,',
        "total = torch.zeros(()) + 1\n"
        '        run.log({"total": total})\n'
        "        total += 41\n"
        '        run.log({"loss": loss,',
    )
    ran = run_script(source, TrialLimits(epochs=1), function=None)
    assert set(ran.series("total").values()) == {1.0}


def test_a_script_may_count_for_itself(run_script):
    source = OWN_LOOP.replace("mean()})", "mean()}, iteration=100 + epoch)")
    ran = run_script(source, TrialLimits(epochs=2), function=None)
    assert set(ran.series("loss")) == {100, 101}


def test_points_of_an_earlier_iteration_are_dropped_and_told(run_script):
    source = OWN_LOOP.replace("mean()})", "mean()}, iteration=10 - epoch)")
    ran = run_script(source, TrialLimits(epochs=2), function=None)
    assert set(ran.series("loss")) == {10}
    (failed,) = [e for e in ran.events if isinstance(e, ProbeFailed)]
    assert "earlier iterations" in failed.error


def test_a_script_that_ends_by_finish_or_with_is_complete(run_script):
    ran = run_script(OWN_LOOP + "\nrun.finish()\nrun.finish()\n", function=None)
    assert ran.outcome is OutcomeKind.COMPLETED
    body = OWN_LOOP.split("run = tuitrain.init")[1].partition("\n")[2]
    source = (
        BEGIN
        + 'with tuitrain.init(config={"lr": 1, "weight_decay": 0.0}) as run:\n'
        + "".join(f"    {line}\n" for line in body.splitlines())
    )
    ran = run_script(source, trial="0002", function=None)
    assert ran.outcome is OutcomeKind.COMPLETED


def test_a_script_that_breaks_out_early_is_complete(run_script):
    source = OWN_LOOP.replace(
        "    model.eval()", "    if epoch == 1:\n        break\n    model.eval()"
    )
    ran = run_script(source, TrialLimits(epochs=9), function=None)
    assert ran.outcome is OutcomeKind.COMPLETED
    assert ran.finished.iteration == 10


def test_arguments_reach_the_script(run_script):
    source = OWN_LOOP + "\nimport sys\nassert sys.argv[1:] == ['--fast', '3']\n"
    ran = run_script(source, function=None, arguments=["--fast", "3"])
    assert ran.outcome is OutcomeKind.COMPLETED


@pytest.mark.parametrize(
    ("source", "limits", "said"),
    [
        ("import math\n", None, "never called tuitrain.init()"),
        ("import nowhere\n", None, "train.py:1: ModuleNotFoundError"),
        (
            OWN_LOOP.replace("run.watch(model, optimizer, loss=loss_fn)", ""),
            MEASURE_ONLY,
            "run.batches() before run.watch()",
        ),
        (
            OWN_LOOP.replace("run.batches(loader)", "loader"),
            MEASURE_ONLY,
            "without run.batches(loader)",
        ),
        (
            OWN_LOOP.replace("run.batches(loader)", "run.batches([])"),
            MEASURE_ONLY,
            "without minibatches",
        ),
    ],
)
def test_a_script_that_can_not_be_used_is_rejected_in_one_line(
    run_script, source, limits, said
):
    ran = run_script(source, limits, function=None)
    assert (ran.status, ran.outcome) == (1, OutcomeKind.REJECTED)
    assert said in ran.finished.message
    assert "\n" not in ran.finished.message


def test_an_error_after_init_is_raised_not_rejected(run_script):
    source = OWN_LOOP.replace("run.log(", "1 / 0\n        run.log(")
    ran = run_script(source, function=None)
    assert (ran.status, ran.outcome) == (1, OutcomeKind.RAISED)
    line = source.splitlines().index("        1 / 0") + 1
    assert (
        ran.finished.message == f"train.py:{line}: ZeroDivisionError: division by zero"
    )
    assert "1 / 0" in ran.finished.traceback
    assert "runpy" not in ran.finished.traceback


@pytest.mark.parametrize(
    ("status", "outcome"), [("", "completed"), ("0", "completed"), ("3", "raised")]
)
def test_a_script_that_exits_is_told_by_its_status(run_script, capfd, status, outcome):
    ran = run_script(OWN_LOOP + f"\nimport sys\nsys.exit({status})\n", function=None)
    assert ran.outcome == outcome
    assert ran.status == int(outcome == "raised")
    assert ("Traceback" in capfd.readouterr().err) is (outcome == "raised")


@pytest.mark.parametrize(
    ("status", "told"), [("0", "never called tuitrain.init()"), ("2", "itself (2)")]
)
def test_a_script_that_exits_before_it_begins_is_rejected(run_script, status, told):
    ran = run_script(f"import sys, tuitrain\nsys.exit({status})\n", function=None)
    assert ran.outcome is OutcomeKind.REJECTED
    assert told in ran.finished.message
