"""The socket that is bound again, in this process."""

import asyncio
import gc
import weakref
from pathlib import Path

from tuitrain.commands import Command
from tuitrain.events import TrialId
from tuitrain.supervisor.server import Server
from tuitrain.wire import Answered, connect


class Nobody:
    """A household in which nothing happens."""

    def __init__(self) -> None:
        self.noticed = asyncio.Event()

    def take_line(self, trial: TrialId, line: bytes) -> None:
        raise AssertionError((trial, line))

    def take_command(self, command: Command) -> Answered | None:
        raise AssertionError(command)

    def notice(self) -> None:
        self.noticed.set()


async def test_who_has_gone_takes_no_memory_until_everything_is_looked_at(tmp_path):
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    household = Nobody()
    server = Server(folder / "s.sock", "digits", household)
    await server.open()
    gc.disable()
    try:
        connection = await asyncio.to_thread(connect, server.path, "digits")
        (guest,) = map(weakref.ref, server.guests)
        household.noticed.clear()
        connection.close()
        await household.noticed.wait()
        # asyncio lets go of it in the turn after.
        await asyncio.sleep(0.01)
        assert guest() is None
    finally:
        gc.enable()
        server.close()


async def test_a_socket_bound_again_stays_when_the_one_before_is_closed(
    tmp_path, monkeypatch
):
    """Python 3.13 is played here: it removes a closed server's socket by its inode, which
    a file system may have given to the new one."""
    loop = asyncio.get_running_loop()
    stop = loop._stop_serving  # type: ignore[attr-defined]

    def stop_and_remove(listening):
        path = Path(listening.getsockname())
        stop(listening)
        path.unlink(missing_ok=True)

    monkeypatch.setattr(loop, "_stop_serving", stop_and_remove)
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    server = Server(folder / "s.sock", "digits", Nobody())
    await server.open()
    server.path.unlink()
    await server.reopen_if_lost()
    try:
        connection = await asyncio.to_thread(connect, server.path, "digits")
        connection.close()
    finally:
        server.close()
