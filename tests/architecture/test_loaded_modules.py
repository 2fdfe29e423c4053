"""What a process really loads, by a look at `sys.modules` of a fresh one."""

import subprocess
import sys
from pathlib import Path

import pytest

LOG = Path(__file__).parents[1] / "logs" / "version_1"

SCREEN = {"textual", "rich", "plotext"}
HEAVY = {"numpy", "torch", *SCREEN}


def _loaded_by(code: str) -> set[str]:
    """Return the top-level modules loaded after `code` ran in a fresh interpreter."""
    report = "import sys; print('loaded:', *{name.partition('.')[0] for name in sys.modules})"
    run = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    last = run.stdout.splitlines()[-1]
    assert last.startswith("loaded: ")
    return set(last.split()[1:])


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_the_command_line_tells_of_itself_without_loading_anything_heavy(argument):
    loaded = _loaded_by(f"from tuitrain.cli import main; main(['{argument}'])")
    assert not loaded & HEAVY


def test_importing_the_package_loads_nothing_heavy():
    assert not _loaded_by("import tuitrain") & HEAVY


@pytest.mark.parametrize(
    "room",
    [
        "checklist",
        "cli",
        "clock",
        "commands",
        "data",
        "diagnosis",
        "doctor",
        "events",
        "headless",
        "launch",
        "model",
        "sources",
        "store",
        "study",
        "supervisor",
        "supervisor.__main__",
        "tui",
        "wire",
    ],
)
def test_no_room_but_the_worker_loads_torch(room):
    assert "torch" not in _loaded_by(f"import tuitrain.{room}")


@pytest.mark.parametrize("room", ["launch", "supervisor", "supervisor.__main__"])
def test_what_runs_in_the_background_never_loads_the_screen(room):
    assert not _loaded_by(f"import tuitrain.{room}") & SCREEN


def test_a_training_process_never_loads_the_screen():
    code = "import tuitrain.worker.entry; from tuitrain import Run, Task, Trial, init"
    loaded = _loaded_by(code)
    assert "torch" in loaded
    assert not loaded & SCREEN


def test_the_replay_of_a_log_loads_neither_torch_nor_the_screen():
    code = (
        "from tuitrain.cli import main; "
        f"main(['replay', {str(LOG)!r}, '--headless', '--json'])"
    )
    assert not _loaded_by(code) & {"torch", "textual"}
