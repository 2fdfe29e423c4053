"""The program on a real GPU: trials on it, the driver's readings, memory, the doctor."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.crowding import ON_A_GPU, assert_uncrowded, walk_crowded
from tests.killing import check_carried_on
from tuitrain.model import StudyModel, TrialState, fold_all
from tuitrain.sources import StudySource
from tuitrain.supervisor.gpus import load_nvml, read_gpus

pytestmark = pytest.mark.timeout(280)

EXAMPLES = Path(__file__).parents[2] / "examples"
TUITRAIN = [sys.executable, "-m", "tuitrain"]
MIB = 1 << 20


def walk(folder: Path, script: Path, study: Path, *options: str) -> dict[str, Any]:
    """Run a study headless to its end; return the document."""
    walked = ("run", str(script), "--headless", "--json", "--study", str(study))
    run = subprocess.run(
        [*TUITRAIN, *walked, *options],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert run.stdout, run.stderr
    assert run.returncode == 0, run.stderr
    document: dict[str, Any] = json.loads(run.stdout)
    return document


def used_bytes() -> int:
    """Return what is in use of the GPU that torch uses, all processes together."""
    free, total = torch.cuda.mem_get_info()
    return total - free


def test_two_trials_at_once_train_on_the_gpu_and_leave_its_memory(tmp_path):
    torch.zeros(1, device="cuda")
    before = used_bytes()
    script = tmp_path / "digits_cnn.py"
    tell = "import os\nprint('visible', os.environ['CUDA_VISIBLE_DEVICES'])\n"
    source = (EXAMPLES / "digits_cnn.py").read_text()
    script.write_text(source.replace("import torch\n", tell + "import torch\n", 1))
    study = tmp_path / "digits"
    try:
        document = walk(tmp_path, script, study, "--per-gpu", "2", "--until", "3")
    finally:
        subprocess.run([*TUITRAIN, "stop", str(study)], cwd=tmp_path, check=False)
    assert "fail" not in {step["verdict"] for step in document["steps"]}
    assert len(document["steps"]) == 3
    model = fold_all(StudyModel(), StudySource(study).read_all())
    trials = list(model.trials.values())
    assert {trial.state for trial in trials} == {TrialState.FINISHED}
    uuid = f"GPU-{torch.cuda.get_device_properties(0).uuid}"
    for trial in trials:
        assert trial.started is not None
        assert trial.task is not None
        assert trial.task.device == "cuda"
        assert trial.task.device_name == torch.cuda.get_device_name()
        assert trial.started.device.startswith("GPU-")
        out = (study / "trials" / trial.trial / "out.log").read_text()
        assert f"visible {trial.started.device}" in out
    if torch.cuda.device_count() == 1:
        assert {t.started.device for t in trials if t.started} == {uuid}
    spans = [(t.started_at_s or 0.0, t.ended_at_s or 0.0) for t in trials]
    overlaps = [
        (a, b) for a in spans for b in spans if a is not b and a[0] < b[0] < a[1]
    ]
    assert overlaps, "no two trials ran at once"
    assert model.gpus is not None
    assert model.gpus.gpus[0].name == torch.cuda.get_device_name()
    deadline = time.monotonic() + 20
    while used_bytes() > before + 64 * MIB and time.monotonic() < deadline:
        time.sleep(0.2)
    assert used_bytes() <= before + 64 * MIB


def _read_own() -> Any:
    nvml, error = load_nvml()
    assert nvml is not None, error
    uuid = f"GPU-{torch.cuda.get_device_properties(0).uuid}"
    return next(gpu for gpu in read_gpus(nvml).gpus if gpu.uuid == uuid)


def test_the_driver_tells_use_memory_temperature_and_power():
    held = torch.ones(256 * MIB, dtype=torch.uint8, device="cuda")
    square = torch.randn(2048, 2048, device="cuda")
    busiest = 0.0
    until = time.monotonic() + 3
    while time.monotonic() < until:
        for _ in range(50):
            square = (square @ square).clamp(-1, 1)
        torch.cuda.synchronize()
        busiest = max(busiest, _read_own().used_ratio)
    reading = _read_own()
    assert 0 < busiest <= 1
    assert held.numel() <= reading.memory_used_bytes <= reading.memory_total_bytes
    assert 5 <= reading.temp_c <= 110
    assert 5 <= reading.power_w <= 2000
    assert reading.name == torch.cuda.get_device_name()


def test_the_driver_tells_the_memory_of_our_process():
    held = torch.ones(256 * MIB, dtype=torch.uint8, device="cuda")
    torch.cuda.synchronize()
    processes = _read_own().processes
    if processes is None:
        pytest.skip("this driver does not tell processes")
    own = [process for process in processes if process.pid == os.getpid()]
    if not own:
        pytest.skip("this driver tells the pids of the host, and this is a container")
    assert own[0].memory_used_bytes >= held.numel()
    assert os.getppid() in own[0].parents


def test_trials_that_run_out_of_memory_together_are_fewer_from_then_on(tmp_path):
    told, document, model = walk_crowded(tmp_path, ON_A_GPU)
    assert_uncrowded(tmp_path, told, model)
    (dead,) = [
        t for t in model.trials.values() if t.finished and t.finished.out_of_memory
    ]
    assert dead.finished is not None
    known = dead.finished.out_of_memory
    assert known is not None
    assert known.asked_bytes == 64 << 30
    assert known.device_name == torch.cuda.get_device_name()
    assert known.total_bytes is not None
    assert known.free_bytes is not None
    assert (known.batch_size, known.takes_batch_size) == (16, True)
    (shown,) = [t for t in document["trials"] if t["id"] == dead.trial]
    (finding,) = [f for f in shown["findings"] if f["kind"] == "out_of_memory"]
    assert finding["evidence"]["trials_on_device"] == 2


@pytest.mark.parametrize("amp", [None, "fp16"])
def test_a_killed_training_goes_on_bit_for_bit(tmp_path, amp):
    check_carried_on(tmp_path, device="GPU-0", amp=amp)


def test_the_doctor_finds_gpu_driver_and_torch_fine(tmp_path):
    run = subprocess.run(
        [*TUITRAIN, "doctor", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    checks = {check["name"]: check for check in json.loads(run.stdout)["checks"]}
    told = json.dumps(checks, indent=1)
    for name in ("torch", "driver"):
        assert checks[name]["state"] == "fine", told
    gpus = [c for n, c in checks.items() if torch.cuda.get_device_name() in c["found"]]
    assert gpus, told
    assert "broken" not in {check["state"] for check in gpus}, told
