import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow.door import Door
from tests.flow.supervised import Supervised
from tests.flow.trials import STANDIN


@pytest.fixture(autouse=True)
def _signals_count() -> Iterator[None]:
    """Processes started here end by signals, however the tests themselves were started.

    `nohup` and a shell's `&` let everything below them ignore SIGHUP and SIGINT.
    """
    before = {
        signal.SIGHUP: signal.signal(signal.SIGHUP, signal.SIG_DFL),
        signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler),
    }
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


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


@pytest.fixture
def door():
    door = Door()
    yield door
    door.launcher.close()


@pytest.fixture(params=["warm", "cold"])
def how(request, door):
    door.launcher.use(cold=request.param == "cold", python=None)
    return request.param
