"""Scripts with one fault each: the walk names it, as early as it can be seen."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.flow, pytest.mark.timeout(180)]

BROKEN = Path(__file__).parents[2] / "examples" / "broken"
DEADLINE_S = 150.0
SMALL = """
script = {script}
{function}
[initial_loss]
initializations = 1
[overfit_small]
lrs = [0.01]
iterations = 100
[find_lr]
lrs = [0.01]
iterations = 50
[coarse_grid]
lr_factors = [1.0]
weight_decays = [0.0]
epochs = 1
[refine_grid]
best = 1
lr_factors = [1.0]
epochs = 2
"""
"""One trial a step, and iterations enough for all looks inside."""


def _walk(name: str, folder: Path) -> tuple[int, dict[str, Any]]:
    """Return exit status and document of the steps of a broken script."""
    script = BROKEN / f"{name}.py"
    function = 'function = "task"' if "def task" in script.read_text() else ""
    study = folder / name
    study.mkdir()
    (study / "study.toml").write_text(
        SMALL.format(script=json.dumps(str(script)), function=function)
    )
    run = subprocess.run(
        [
            *(sys.executable, "-m", "tuitrain", "run", str(script)),
            *("--headless", "--json", "--study", str(study)),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=DEADLINE_S,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        check=False,
    )
    assert run.stdout, run.stderr
    return run.returncode, json.loads(run.stdout)


@pytest.mark.parametrize(
    ("script", "step", "kind"),
    [
        ("missing_zero_grad", "initial_loss", "gradients_not_zeroed"),
        ("layer_left_out", "initial_loss", "not_in_optimizer"),
        ("train_in_eval", "initial_loss", "wrong_mode"),
        ("softmax_twice", "initial_loss", "output_loss_mismatch"),
        ("sigmoid_twice", "initial_loss", "output_loss_mismatch"),
        ("mixed_samples", "initial_loss", "mixed_samples"),
        ("nan_inputs", "initial_loss", "non_finite"),
        ("leakage", "initial_loss", "train_val_leakage"),
        ("unnormalized_inputs", "initial_loss", "unnormalized_inputs"),
        ("summed_loss", "initial_loss", "wrong_reduction"),
        ("broadcast_loss", "initial_loss", "output_loss_mismatch"),
        ("detached_layer", "overfit_small", "no_gradient"),
        ("input_ignored", "initial_loss", "input_ignored"),
        ("dead_relu", "initial_loss", "dead_relu"),
        ("saturated_tanh", "initial_loss", "saturated_activations"),
        ("validate_in_train", "find_lr", "wrong_mode"),
    ],
)
def test_the_fault_stops_the_walk_and_is_named_first(tmp_path, script, step, kind):
    status, document = _walk(script, tmp_path)
    last = document["steps"][-1]
    assert (status, last["name"], last["verdict"]) == (1, step, "fail")
    assert "fail" not in {each["verdict"] for each in document["steps"][:-1]}
    first = last["findings"][0]
    assert (first["kind"], first["consequence_of"]) == (kind, None)
    assert first["advice"]
    says = (BROKEN / f"{script}.py").read_text().partition('"""\n\n')[0]
    assert f"tep {last['number']}" in says
    assert "stops it" in says


def test_every_broken_script_says_so_and_is_short():
    for path in BROKEN.glob("*.py"):
        text = path.read_text()
        assert text.startswith('"""Broken on purpose: ')
        assert len(text.splitlines()) <= 60, path.name
