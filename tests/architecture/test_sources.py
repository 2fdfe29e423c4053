"""What holds for every file of the program."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(
    path.relative_to(ROOT)
    for folder in ("tuitrain", "tests", "examples", "screenshots")
    for path in (ROOT / folder).rglob("*.py")
)
ROOMS = [path for path in FILES if path.parts[0] == "tuitrain"]
FORKS = Path("tuitrain/tui/ahead.py")
"""Takes from its own fork what that made of a log, by a pipe that nobody else has."""
RUNS_NO_CODE = [
    path
    for path in ROOMS
    if path.parts[1] not in ("worker", "launch") and path != FORKS
]
"""Everything but what runs a person's script: this is what opens somebody's log."""
UNSAFE_MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "yaml", "runpy"}
UNSAFE_CALLS = {"eval", "exec", "compile"}


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_file_stays_under_400_lines(path):
    assert len((ROOT / path).read_text().splitlines()) < 400


@pytest.mark.parametrize("path", RUNS_NO_CODE, ids=str)
def test_what_reads_a_log_can_not_execute_it(path):
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            assert not {alias.name for alias in node.names} & UNSAFE_MODULES
        elif isinstance(node, ast.ImportFrom):
            assert node.module not in UNSAFE_MODULES
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in UNSAFE_CALLS


@pytest.mark.parametrize("path", ROOMS, ids=str)
def test_every_file_says_what_it_is_for(path):
    assert ast.get_docstring(ast.parse((ROOT / path).read_text()))


def test_the_demo_is_the_example_word_for_word():
    demo = ROOT / "tuitrain" / "data" / "demo.py"
    assert demo.read_text() == (ROOT / "examples" / "digits_mlp.py").read_text()
