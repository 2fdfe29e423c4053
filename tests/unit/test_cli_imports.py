"""What a command must not import: help is quick, a replay loads no torch."""

import subprocess
import sys

import pytest

from tests.studies import make_finished_study

HEAVY = ("textual", "numpy", "plotext", "torch", "msgspec", "asyncio")


def _imported(arguments: list[str], *, cwd) -> set[str]:
    """Return the top-level modules a command has loaded when it is done."""
    code = (
        "import sys\nfrom tuitrain.cli import main\n"
        f"status = main({arguments!r})\n"
        "print('\\n'.join({name.split('.')[0] for name in sys.modules}), "
        "file=sys.stderr)\nsys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(done.stderr.split())


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(tmp_path, arguments):
    assert not _imported(arguments, cwd=tmp_path) & set(HEAVY)


@pytest.mark.parametrize(
    "arguments",
    [
        ["replay", "digits", "--headless"],
        ["replay", "digits", "--json"],
        ["diagnose", "digits"],
        ["list", "."],
    ],
)
def test_looking_at_a_log_loads_neither_torch_nor_the_script(tmp_path, arguments):
    make_finished_study(tmp_path / "digits")
    imported = _imported(arguments, cwd=tmp_path)
    assert not imported & {"torch", "textual", "train"}
