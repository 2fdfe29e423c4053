"""Tests that need a CUDA device; without one each is skipped by name."""

import os
from pathlib import Path

import pytest
import torch

from tests.unit.worker.conftest import (  # noqa: F401 - fixtures of these tests, too
    _process_as_it_was,
    run_script,
)

# cuBLAS reads it once, when it is first used: here and in the processes started here.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.gpu)
            if not torch.cuda.is_available():
                item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


@pytest.fixture
def deterministic():
    """Let torch use deterministic algorithms only."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(before)
