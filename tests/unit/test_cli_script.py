"""What a script offers, found without running it."""

import pytest

from tuitrain.cli.failures import UsageError
from tuitrain.cli.script import find_script


def _find(tmp_path, text, suffix=""):
    path = tmp_path / "train.py"
    path.write_text(text)
    return find_script(f"{path}{suffix}")


@pytest.mark.parametrize(
    "text",
    [
        "def task(trial): ...",
        "async def task(trial): ...",
        "from models import task",
        "from models import build as task",
        "task = make_task(3)",
        "task: object = make_task(3)",
        "if True:\n    def task(trial): ...",
        "try:\n    from a import task\nexcept ImportError:\n    task = None",
        "from models import *",
    ],
)
def test_a_task_may_be_defined_assigned_or_imported(tmp_path, text):
    found = _find(tmp_path, text) if "*" not in text else None
    if found is None:
        found = _find(tmp_path, text, ":task")
    assert found.function == "task"
    assert found.path == (tmp_path / "train.py").resolve()


@pytest.mark.parametrize(
    "text",
    [
        "import tuitrain\nrun = tuitrain.init(config={})",
        "import tuitrain as tt\nwith tt.init() as run: pass",
        "from tuitrain import init\ndef main():\n    run = init()",
        "from tuitrain import init as begin\nbegin()",
        "def main():\n    import tuitrain\n    tuitrain.init()",
    ],
)
def test_a_call_of_init_is_a_loop_of_its_own(tmp_path, text):
    assert _find(tmp_path, text).function is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "import wandb\nwandb.init()",
        "def init(): ...\ninit()",
        "import tuitrain\ntuitrain.Task()",
        "class Net:\n    def task(self): ...",
        "def main():\n    def task(trial): ...",
    ],
)
def test_anything_else_offers_nothing(tmp_path, text):
    with pytest.raises(UsageError, match="has no function 'task'"):
        _find(tmp_path, text)


def test_a_task_goes_before_a_loop_unless_another_is_named(tmp_path):
    text = "import tuitrain\ndef task(t): ...\ndef small(t): ...\ntuitrain.init()\n"
    assert _find(tmp_path, text).function == "task"
    assert _find(tmp_path, text, ":small").function == "small"


def test_a_colon_may_be_part_of_the_name(tmp_path):
    path = tmp_path / "a:b.py"
    path.write_text("def task(trial): ...")
    assert find_script(str(path)).path == path.resolve()
