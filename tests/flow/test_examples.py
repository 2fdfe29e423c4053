"""The examples as a person runs them: the good ones pass, the broken ones are stopped."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.flow, pytest.mark.timeout(600)]

EXAMPLES = Path(__file__).parents[2] / "examples"
DEADLINE_S = 500.0


def _python(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=DEADLINE_S,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        check=False,
    )


def _walk(script: str, folder: Path) -> tuple[int, dict[str, Any]]:
    """Return exit status and document of the six steps of an example."""
    run = _python(
        *("-m", "tuitrain", "run", str(EXAMPLES / script), "--headless", "--json"),
        cwd=folder,
    )
    assert run.stdout, run.stderr
    return run.returncode, json.loads(run.stdout)


@pytest.mark.parametrize(
    ("script", "step", "kinds"),
    [
        ("huge_initialization", "initial_loss", {"initial_loss_mismatch"}),
        ("nll_on_logits", "initial_loss", {"output_loss_mismatch"}),
        ("zero_initialization", "initial_loss", {"symmetric_initialization"}),
        ("lr_times_1000", "overfit_small", {"lr_not_in_force", "loss_exploded"}),
        ("shuffled_labels", "find_lr", {"labels_carry_no_signal"}),
    ],
)
def test_a_broken_example_is_stopped_where_its_fault_shows(
    tmp_path, script, step, kinds
):
    status, document = _walk(f"broken/{script}.py", tmp_path)
    assert status == 1
    last = document["steps"][-1]
    assert (last["name"], last["verdict"]) == (step, "fail")
    assert [each["verdict"] for each in document["steps"][:-1]] == ["pass"] * (
        last["number"] - 1
    )
    findings = {finding["kind"]: finding for finding in last["findings"]}
    assert kinds <= set(findings)
    assert all(findings[kind]["advice"] for kind in kinds)
    assert document["best"] is None


@pytest.mark.parametrize(
    ("script", "metric", "at_least"),
    [
        ("digits_mlp.py", "val_accuracy", 0.97),
        ("diabetes_regression.py", "val_loss", 0.0),
        # Minutes more; the demo walks an own loop through all steps as well.
        pytest.param("digits_cnn.py", "val_accuracy", 0.97, marks=pytest.mark.long),
        pytest.param(
            "digits_own_loop.py", "val_accuracy", 0.97, marks=pytest.mark.long
        ),
    ],
)
def test_a_good_example_passes_all_six_steps(tmp_path, script, metric, at_least):
    status, document = _walk(script, tmp_path)
    assert [each["number"] for each in document["steps"]] == [1, 2, 3, 4, 5, 6]
    assert "fail" not in {each["verdict"] for each in document["steps"]}
    assert status == 0
    assert document["best"]["metrics"][metric] >= at_least


@pytest.mark.parametrize(
    "script",
    ["digits_mlp.py", "digits_cnn.py", "digits_own_loop.py", "diabetes_regression.py"],
)
def test_an_example_runs_by_plain_python_and_its_log_opens(tmp_path, script):
    run = _python(str(EXAMPLES / script), cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    (folder,) = (tmp_path / "runs").iterdir()
    shown = _python("-m", "tuitrain", "diagnose", str(folder), "--json", cwd=tmp_path)
    (trial,) = json.loads(shown.stdout)["trials"]
    assert trial["points"] > 100
