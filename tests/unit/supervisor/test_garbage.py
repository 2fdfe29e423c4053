"""What a supervisor no longer needs goes, whenever Python itself would look for it."""

import asyncio
import contextlib
import gc
import weakref
from collections.abc import Iterator

import pytest

from tuitrain.supervisor import garbage


class Ring:
    """Holds itself, as a closed connection of asyncio does."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.unfreeze()
    gc.enable()


@pytest.mark.usefixtures("without_collector")
async def test_what_only_holds_itself_goes_before_python_looks_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(garbage, "EVERY_S", 0.01)
    collecting = asyncio.create_task(garbage.collect_for_good())
    await asyncio.sleep(0.05)
    gone = weakref.ref(Ring())
    for _ in range(500):
        await asyncio.sleep(0.01)
        if gone() is None:
            break
    collecting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await collecting
    assert gone() is None
