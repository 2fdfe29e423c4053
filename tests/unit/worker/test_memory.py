"""What is known of a GPU's memory that did not suffice; torch's errors stand in for a GPU."""

import pytest
import torch

from tests.unit.worker.conftest import OWN_LOOP, TASK
from tuitrain.events import OutcomeKind
from tuitrain.worker.memory import describe_shortage

FULL = (
    "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of "
    "79.18 GiB of which 512.00 MiB is free. Process 4711 has 12.00 GiB memory in use. "
    "Including non-PyTorch memory, this process has 66.50 GiB memory in use. Of the "
    "allocated memory 65.10 GiB is allocated by PyTorch, and 1.00 GiB is reserved by "
    "PyTorch but unallocated. If reserved but unallocated memory is large try setting "
    "PYTORCH_ALLOC_CONF=expandable_segments:True to avoid fragmentation."
)
"""Torch 2.11's words."""

REFUSING = f"""
class Refusing(nn.CrossEntropyLoss):
    calls = 0
    def forward(self, outputs, targets):
        Refusing.calls += 1
        if Refusing.calls > 3:
            raise torch.OutOfMemoryError({FULL!r})
        return super().forward(outputs, targets)
"""


def _describe(error: BaseException):
    return describe_shortage(error, batch_size=None, takes_batch_size=False)


def test_what_torch_says_is_read():
    found = _describe(torch.OutOfMemoryError(FULL))
    assert found is not None
    assert found.asked_bytes == 2.5 * 2**30
    assert found.free_bytes == 2**29
    assert found.total_bytes == round(79.18 * 2**30)
    assert found.used_bytes == 66.5 * 2**30


@pytest.mark.parametrize(
    "text",
    [
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported",
        "CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 15.78 GiB total)",
    ],
)
def test_libraries_that_were_refused_memory_are_known_by_their_words(text):
    assert _describe(RuntimeError(text)) is not None


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("mat1 and mat2 shapes cannot be multiplied (8x6 and 7x16)"),
        ValueError("CUDA out of memory"),
        MemoryError(),
        KeyboardInterrupt(),
    ],
)
def test_other_errors_are_no_shortage(error):
    assert _describe(error) is None


def test_the_cause_of_another_error_counts():
    try:
        try:
            raise torch.OutOfMemoryError(FULL)
        except RuntimeError as error:
            raise ValueError("the batch could not be moved") from error
    except ValueError as error:
        found = _describe(error)
    assert found is not None
    assert found.free_bytes == 2**29


def test_a_task_that_runs_out_says_so_in_its_last_word(run_script):
    source = TASK.replace(
        "nn.CrossEntropyLoss(label_smoothing=0.1)", "Refusing()"
    ).replace("def task", REFUSING + "\ndef task")
    ran = run_script(source)
    assert (ran.status, ran.outcome) == (1, OutcomeKind.RAISED)
    known = ran.finished.out_of_memory
    assert known is not None
    assert (known.batch_size, known.takes_batch_size) == (8, True)
    assert "OutOfMemoryError: CUDA out of memory" in ran.finished.message


@pytest.mark.parametrize(
    ("batch_size", "takes"), [("8", False), ('run.config["batch_size"]', True)]
)
def test_a_loop_of_its_own_that_runs_out_says_so_too(run_script, batch_size, takes):
    source = (
        OWN_LOOP.replace("nn.CrossEntropyLoss(label_smoothing=0.1)", "Refusing()")
        .replace("run = tuitrain.init", REFUSING + "\nrun = tuitrain.init")
        .replace("batch_size=8", f"batch_size={batch_size}")
        .replace('"weight_decay": 0.0}', '"weight_decay": 0.0, "batch_size": 8}')
    )
    known = run_script(source, function=None).finished.out_of_memory
    assert known is not None
    assert (known.batch_size, known.takes_batch_size) == (8, takes)


def test_memory_that_does_not_suffice_before_the_loop_is_no_rejection(run_script):
    source = f"import torch\nraise torch.OutOfMemoryError({FULL!r})\n"
    ran = run_script(source, function=None)
    assert ran.outcome is OutcomeKind.RAISED
    assert ran.finished.out_of_memory is not None


def test_the_batch_size_of_the_configuration_is_in_force(run_script):
    assert run_script(TASK, trial="0001").described.batch_size == 8
    smaller = run_script(TASK, trial="0002", config={"batch_size": 4})
    assert smaller.described.batch_size == 4
    assert smaller.finished.iteration == 20


def test_a_script_that_reads_the_batch_size_decides_itself(run_script):
    source = TASK.replace("batch_size=8", 'batch_size=2 * trial.get("batch_size", 4)')
    ran = run_script(source, config={"batch_size": 5})
    assert ran.described.batch_size == 10
