import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow.supervised import Supervised
from tests.flow.trials import STANDIN


@pytest.fixture(autouse=True)
def _hangups_count() -> Iterator[None]:
    """Under `nohup` every process started here would ignore a lost terminal."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def standin(monkeypatch) -> None:
    """Processes started from here on have a stand-in for the worker, without torch."""
    known = os.environ.get("PYTHONPATH", "")
    path = os.pathsep.join(filter(None, [str(STANDIN), known]))
    monkeypatch.setenv("PYTHONPATH", path)


@pytest.fixture
def study(tmp_path) -> Path:
    path = Path(tmp_path) / "digits"
    path.mkdir()
    return path


@pytest.fixture
def supervised(study):
    supervised = Supervised.create(study)
    yield supervised
    supervised.end()
