"""Bad input gets one clear line: what, where, and what to do."""

import sys

import pytest

from tests.unit.worker.conftest import BEGIN, TASK
from tuitrain.events import OutcomeKind, TrialLimits
from tuitrain.worker.entry import run_trial
from tuitrain.worker.failures import RejectedError
from tuitrain.worker.script import load_function

SMALL = TrialLimits(epochs=1)


def task_with(**fields: str) -> str:
    given = {
        "model": "make_model()",
        "train": "train_set",
        "loss": "nn.CrossEntropyLoss()",
        **fields,
    }
    arguments = ", ".join(f"{name}={value}" for name, value in given.items())
    return BEGIN + f"\ndef task(trial):\n    return Task({arguments})\n"


def task_returning(value: str) -> str:
    return BEGIN + f"\ndef task(trial):\n    return {value}\n"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import nowhere_at_all\n", "train.py:1: ModuleNotFoundError: No module named"),
        ("\n1 / 0\n", "train.py:2: ZeroDivisionError: division by zero"),
        ("def task(:\n", "train.py:1: SyntaxError"),
        ("import sys; sys.exit(3)\n", "train.py:1: SystemExit: 3"),
        ("x = 1\n", "train.py: no function 'task'; write `def task(trial)"),
        ("task = 3\n", "train.py: 'task' is no function (type: int)"),
        ("def task(): pass\n", "train.py: task(): must take one argument, the trial"),
        (
            task_returning("None"),
            "train.py: task(): returned None, not a tuitrain.Task",
        ),
        (task_returning("{}"), "returned a dict"),
        (task_with(model="nn.Linear"), "model=Linear is a class; make one"),
        (task_with(model="3"), "model is an int; it must be a torch.nn.Module"),
        (task_with(model="nn.ReLU()"), "no trainable parameter"),
        (task_with(train="[1, 2]"), "train is a list; it must be a torch Dataset"),
        (
            task_with(train="TensorDataset(torch.zeros(0, 6), torch.zeros(0))"),
            "the data set train is empty",
        ),
        (
            task_with(val="TensorDataset(torch.zeros(0, 6), torch.zeros(0))"),
            "the data set val is empty",
        ),
        (
            task_with(train="DataLoader(train_set, batch_size=64, drop_last=True)"),
            "the data set train is empty",
        ),
        (task_with(train="TensorDataset(inputs)"), "not a pair (inputs, targets)"),
        (task_with(loss="'mse'"), "loss is a str; it must be callable"),
        (task_with(loss="nn.CrossEntropyLoss"), "loss=CrossEntropyLoss is a class"),
        (
            task_with(loss="nn.CrossEntropyLoss(reduction='none')"),
            "a tensor of shape (40,), not one number",
        ),
        (task_with(loss="lambda o, y: 0.5"), "gave a float, not one number"),
        (
            task_with(optimizer="torch.optim.SGD(make_model().parameters(), 1)"),
            "optimizer is a SGD already made",
        ),
        (task_with(optimizer="'adam'"), "optimizer is a str"),
        (task_with(optimizer="lambda p: None"), "optimizer= returned None"),
        (task_with(optimizer="torch.optim.LBFGS"), "LBFGS evaluates the loss"),
        (task_with(scheduler="3"), "scheduler is an int"),
        (task_with(scheduler="lambda o: 3"), "scheduler= returned an int"),
        (task_with(metrics="[abs]"), "metrics is a list"),
        (task_with(metrics="{'f1': 3}"), "the metric 'f1' is no function"),
        (task_with(metrics="{1: abs}"), "the metric's name 1 is an int"),
        (task_with(batch_size="0"), "batch_size is 0; it must be a whole number"),
        (task_with(batch_size="'8'"), "batch_size is '8'"),
        (task_with(amp="'half'"), "amp is 'half'"),
        (task_with(scheduler_every="'step'"), "scheduler_every is 'step'"),
        (task_with(clip_grad_norm="'1'"), "clip_grad_norm is a str"),
    ],
)
def test_a_script_that_can_not_be_used_is_rejected_in_one_line(
    run_script, source, said
):
    if "batch_size" not in source:
        source = source.replace("return Task(", "return Task(batch_size=40, ")
    ran = run_script(source, SMALL)
    assert (ran.status, ran.outcome) == (1, OutcomeKind.REJECTED)
    assert said in ran.finished.message
    assert ran.finished.message.startswith("train.py:")
    assert "\n" not in ran.finished.message


def test_a_missing_script_is_rejected(tmp_path):
    with pytest.raises(RejectedError, match=r"gone\.py: no such script"):
        load_function(tmp_path / "gone.py", "task")


def test_an_error_while_training_is_raised_with_its_traceback(run_script, capfd):
    source = TASK.replace("make_model(), train", "Fails(), train") + (
        "\nclass Fails(nn.Linear):\n"
        "    calls = 0\n"
        "    def __init__(self):\n"
        "        super().__init__(6, 3)\n"
        "    def forward(self, x):\n"
        "        self.calls += 1\n"
        "        if self.calls == 4:\n"
        "            raise ValueError('the fourth is too much')\n"
        "        return super().forward(x)\n"
    )
    ran = run_script(source, TrialLimits(epochs=2, validate=False))
    assert (ran.status, ran.outcome) == (1, OutcomeKind.RAISED)
    line = source.splitlines().index(
        "            raise ValueError('the fourth is too much')"
    )
    assert ran.finished.message == (
        f"train.py:{line + 1}: ValueError: the fourth is too much"
    )
    first_frame = ran.finished.traceback.splitlines()[1]
    assert "train.py" in first_frame
    assert "raise ValueError" in ran.finished.traceback
    assert len(ran.series("loss")) == 3
    assert ran.finished.traceback in capfd.readouterr().err


def test_an_error_that_never_went_through_the_script_is_shown_in_full(run_script):
    ran = run_script(TASK.replace("nn.Linear(6, 16)", "nn.Linear(7, 16)"))
    assert ran.outcome is OutcomeKind.RAISED
    assert "mat1 and mat2" in ran.finished.message
    assert "mat1 and mat2" in ran.finished.traceback


def test_odd_characters_in_an_error_do_not_cost_the_last_word(run_script):
    source = TASK.replace(
        "return Task(", "raise ValueError('\\udcff bad name')\n    return Task("
    )
    ran = run_script(source)
    assert ran.outcome is OutcomeKind.RAISED
    assert "\\udcff bad name" in ran.finished.message


def test_without_torch_the_trial_is_rejected_and_says_what_to_install(
    run_script, monkeypatch, capfd
):
    monkeypatch.setitem(sys.modules, "torch", None)
    ran = run_script(TASK)
    assert (ran.status, ran.outcome) == (1, OutcomeKind.REJECTED)
    assert "torch can't be imported by" in ran.finished.message
    assert "pip install torch" in capfd.readouterr().err


def test_a_trial_without_a_description_says_so(tmp_path, capfd):
    assert run_trial(tmp_path / "0001") == 1
    assert "trial.json: can't be read" in capfd.readouterr().err
