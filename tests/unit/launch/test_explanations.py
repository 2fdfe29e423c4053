import sys
from pathlib import Path

import pytest

import tuitrain
from tuitrain.events import Step, TrialId, TrialLimits
from tuitrain.launch.interpreter import module_environment, patient_threads
from tuitrain.launch.missing import explain_import_failure
from tuitrain.launch.trial import trial_environment
from tuitrain.store import TrialFolder, TrialSpec


def test_a_missing_torch_is_told_with_the_interpreter_and_the_remedy():
    missing = ModuleNotFoundError("No module named 'torch'", name="torch")
    line = explain_import_failure(missing)
    assert line.startswith(f"torch is not installed in {sys.executable}; ")
    assert line.endswith("-m pip install torch")


def test_a_broken_torch_is_told_with_what_broke():
    broken = ImportError("libcudnn.so.9: cannot open\nshared object file")
    line = explain_import_failure(broken)
    assert "libcudnn.so.9: cannot open shared object file" in line
    assert "\n" not in line


def test_a_program_in_a_source_tree_is_found_by_its_children(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    root = str(Path(tuitrain.__file__).resolve().parent.parent)
    path = module_environment(EXTRA="1")["PYTHONPATH"].split(":")
    assert path in ([root, "/somewhere"], ["/somewhere"])
    assert module_environment(EXTRA="1")["EXTRA"] == "1"


def test_what_the_user_chose_for_waiting_threads_is_kept(monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    assert patient_threads() == {"OMP_WAIT_POLICY": "PASSIVE"}
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert patient_threads() == {"OMP_WAIT_POLICY": "ACTIVE"}


@pytest.mark.parametrize(
    ("device", "visible"), [("cpu", ""), ("GPU-12", "GPU-12"), ("MIG-3", "MIG-3")]
)
def test_a_trial_sees_its_own_device_only(tmp_path, device, visible):
    spec = TrialSpec(
        trial=TrialId("0001"),
        study="digits",
        script="train.py",
        step=Step.FIND_LR,
        config={"lr": 0.1, "weight_decay": 0.0},
        limits=TrialLimits(),
        device=device,
        threads=4,
    )
    variables = trial_environment(TrialFolder(tmp_path / "0001"), spec)
    assert variables["CUDA_VISIBLE_DEVICES"] == visible
    assert variables["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert variables["OMP_NUM_THREADS"] == variables["MKL_NUM_THREADS"] == "4"
    assert variables["TUITRAIN_TRIAL"] == str(tmp_path / "0001")
