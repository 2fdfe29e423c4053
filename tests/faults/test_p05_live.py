"""P5, live: a supervisor under fire stays alive, quick and small."""

import random
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import psutil
import pytest

from tests.faults.fuzzed_rooms import ROOMS
from tests.faults.fuzzing import mutate_bytes
from tests.flow.conftest import standin as standin
from tests.flow.conftest import study as study
from tests.flow.conftest import supervised as supervised
from tests.flow.supervised import Supervised, running
from tests.flow.waiting import wait_for
from tuitrain.commands import RunStep, StopStudy
from tuitrain.events import GpusSampled
from tuitrain.store import LogWriter
from tuitrain.supervisor.server import CLIENT_BACKLOG_BYTES, MAX_CONNECTIONS
from tuitrain.wire import WIRE_VERSION, Hello, encode_message

pytestmark = [pytest.mark.flow, pytest.mark.usefixtures("standin")]

PING_S = 0.25
GROWTH_BYTES = 32 << 20
LONG_LINE_BYTES = 13 << 20
FRAMES_A_GUEST = 50
FEW_DESCRIPTORS = 128
MESSAGES = next(room for room in ROOMS if room.name == "wire").samples


@dataclass
class Pinger:
    """Another client, which asks something all the time; in a thread of its own."""

    supervised: Supervised
    process: psutil.Process
    took_s: list[float] = field(default_factory=list)
    peak_bytes: int = 0
    failure: Exception | None = None
    _ended: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._connection = self.supervised.connect()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._ended.wait(0.02):
                began_s = time.monotonic()
                answer = self._connection.ask(RunStep())
                self.took_s.append(time.monotonic() - began_s)
                assert answer.message.endswith("is running already")
                self._connection.receive(0.0)
                self.peak_bytes = max(self.peak_bytes, self.process.memory_info().rss)
        except Exception as error:  # noqa: BLE001 - told by the test
            self.failure = error

    def end(self) -> None:
        """Stop asking; nothing may have gone wrong."""
        self._ended.set()
        self._thread.join()
        if self.failure is not None:
            raise self.failure


def hello(supervised: Supervised) -> bytes:
    study = supervised.folder.name
    return encode_message(Hello(version=WIRE_VERSION, role="client", study=study))


def call(supervised: Supervised) -> socket.socket:
    """Return a connection with nothing said yet; a full queue is asked again."""
    path = str(supervised.ensure())
    while True:
        guest = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            guest.connect(path)
        except BlockingIOError:
            guest.close()
            time.sleep(0.01)
        else:
            guest.settimeout(60)
            return guest


def shout(guest: socket.socket, content: bytes) -> None:
    """Send, and read until hung up on; the other side may do so at any time."""
    try:
        guest.sendall(content)
        guest.shutdown(socket.SHUT_WR)
        while guest.recv(1 << 16):
            pass
    except OSError:
        pass


def send_junk(supervised: Supervised, for_s: float) -> int:
    """Send mutated frames, before and after a proper hello; return how many."""
    chance, sent = random.Random(5), 0
    deadline_s = time.monotonic() + for_s
    while time.monotonic() < deadline_s:
        frames = [mutate_bytes(chance, MESSAGES) for _ in range(FRAMES_A_GUEST)]
        # One bad frame ends a connection, so most begin a new one.
        for frame in frames:
            with call(supervised) as guest:
                greeted = hello(supervised) if chance.random() < 0.7 else b""
                shout(guest, greeted + frame + b"\n")
                sent += 1
    return sent


def send_long_line(supervised: Supervised) -> int:
    """Send a line that is far too long, as a stranger and as a client."""
    for greeted in (b"", hello(supervised)):
        with call(supervised) as guest:
            shout(guest, greeted + b"x" * LONG_LINE_BYTES)
    return 2


def never_read(supervised: Supervised) -> int:
    """Be a client that reads nothing while the study has much to tell."""
    with call(supervised) as deaf:
        deaf.sendall(hello(supervised))
        log = LogWriter(supervised.folder.gpus, "gpus")
        line = GpusSampled(error="x" * (1 << 16))
        for _ in range((CLIENT_BACKLOG_BYTES + (4 << 20)) >> 16):
            log.append([line])
        log.close()
        said = supervised.folder.supervisor_log
        wait_for(lambda: "does not read" in said.read_text(), "the deaf client's end")
    return 1


def say_half(supervised: Supervised) -> int:
    """Begin lines that are never ended, and hang up in the middle of them."""
    with ExitStack() as guests:
        for number in range(40):
            guest = guests.enter_context(call(supervised))
            content = hello(supervised)
            guest.sendall(content[: len(content) // 2] if number % 2 else content[:-1])
        time.sleep(0.5)
    return 40


def crowd_in(supervised: Supervised, count: int) -> int:
    """Connect more often than there is room for, and say nothing till sent off."""
    with ExitStack() as guests:
        crowd = [guests.enter_context(call(supervised)) for _ in range(count)]
        for guest in crowd:
            shout_nothing(guest)
    return count


def shout_nothing(guest: socket.socket) -> None:
    """Wait until hung up on."""
    try:
        while guest.recv(1 << 16):
            pass
    except ConnectionResetError:
        return


def use_up_descriptors(supervised: Supervised, process: psutil.Process) -> int:
    """Connect more often than the supervisor has descriptors left."""
    pid, before = process.pid, resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (FEW_DESCRIPTORS, before[1]))
    try:
        return crowd_in(supervised, 2 * FEW_DESCRIPTORS)
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


@pytest.fixture
def process(supervised) -> Iterator[psutil.Process]:
    """The supervisor of a study with two trials that run until they may go."""
    supervised.change_settings()
    text = supervised.folder.settings.read_text().replace("200", "100000")
    supervised.folder.settings.write_text(text)
    supervised.ask(RunStep())
    wait_for(lambda: running(supervised, 2), "two trials")
    process = psutil.Process(supervised.identify().pid)
    yield process
    assert process.is_running()
    supervised.ask(StopStudy())


def test_a_supervisor_under_fire_serves_the_others(supervised, process, figure):
    under_fire(supervised, process, figure, junk_s=6.0)


@pytest.mark.long
def test_a_supervisor_under_fire_for_long(supervised, process, figure):
    under_fire(supervised, process, figure, junk_s=120.0)


def under_fire(
    supervised: Supervised, process: psutil.Process, figure, *, junk_s: float
) -> None:
    attacks: dict[str, Callable[[], int]] = {
        "half frames": partial(say_half, supervised),
        "junk frames": partial(send_junk, supervised, junk_s),
        "a line of 13 MB": partial(send_long_line, supervised),
        "more connections than allowed": partial(
            crowd_in, supervised, 2 * MAX_CONNECTIONS
        ),
        "more connections than descriptors": partial(
            use_up_descriptors, supervised, process
        ),
        "a client that never reads": partial(never_read, supervised),
    }
    pinger = Pinger(supervised, process)
    wait_for(lambda: len(pinger.took_s) > 20, "the first answers")
    descriptors, base_bytes = process.num_fds(), process.memory_info().rss
    pinger.peak_bytes = base_bytes
    try:
        for name, attack in attacks.items():
            began = len(pinger.took_s)
            count = attack()
            wait_for(
                lambda: process.num_fds() <= descriptors, f"descriptors after {name}"
            )
            tell_pings(figure, f"{name} ({count})", pinger.took_s[began:])
            assert process.is_running()
            assert pinger.failure is None
    finally:
        pinger.end()
    figure(
        "P5",
        "descriptors of the supervisor left over after the fire",
        max(0, process.num_fds() - descriptors),
        asked="0",
        is_met=process.num_fds() <= descriptors,
    )
    grown = process.memory_info().rss - base_bytes
    peak = pinger.peak_bytes - base_bytes
    figure(
        "P5",
        f"growth of the supervisor under fire (at its peak {peak / (1 << 20):.1f} MiB)",
        f"{grown / (1 << 20):.1f} MiB",
        asked="< 32 MB",
        is_met=grown < GROWTH_BYTES,
    )


def tell_pings(figure, name: str, took_s: list[float]) -> None:
    longest_s, median_s = max(took_s), float(np.median(took_s))
    figure(
        "P5",
        f"longest ping of another client during {name}, median {1000 * median_s:.0f} ms",
        f"{1000 * longest_s:.0f} ms",
        asked="< 250 ms",
        is_met=longest_s < PING_S,
    )
