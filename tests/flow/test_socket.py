"""Who may speak at a supervisor's socket, and what becomes of those who may not."""

import socket
import stat
from pathlib import Path

import pytest

from tests.flow.supervised import POINTS, Supervised, running
from tests.flow.waiting import wait_for
from tuitrain.commands import RunStep
from tuitrain.events import GpusSampled, TrialId
from tuitrain.store import LogWriter
from tuitrain.supervisor.server import CLIENT_BACKLOG_BYTES
from tuitrain.wire import (
    TRIAL_LINE_BYTES,
    WIRE_VERSION,
    ConnectionLostError,
    HandshakeError,
    Hello,
    Refused,
    connect,
    decode_message,
    encode_message,
)

pytestmark = [pytest.mark.flow, pytest.mark.usefixtures("standin")]


def test_a_lost_socket_is_bound_again_and_attached_clients_stay(supervised):
    connection = supervised.connect()
    path = supervised.ensure()
    path.unlink()
    wait_for(path.exists, "a new socket")
    assert connection.ask(RunStep()).accepted
    assert supervised.ask(RunStep()).message.endswith("is running already")


def test_the_socket_is_for_its_owner_only(supervised):
    path = supervised.ensure()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    for name in ("journal", "supervisor", "supervisor_log"):
        file: Path = getattr(supervised.folder, name)
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0


def test_another_study_is_refused_by_name(supervised):
    with pytest.raises(HandshakeError, match="supervisor of digits, not other"):
        connect(supervised.ensure(), "other")


def say(path: Path, *lines: bytes) -> bytes:
    """Send bytes as they are, and return all that comes back before the end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as plain:
        plain.settimeout(30)
        plain.connect(str(path))
        answer = b""
        try:
            for line in lines:
                plain.sendall(line)
            while block := plain.recv(1 << 16):
                answer += block
        except (BrokenPipeError, ConnectionResetError):
            pass
        return answer


def hello(version: int = WIRE_VERSION) -> bytes:
    return encode_message(Hello(version=version, role="client", study="digits"))


def test_another_version_is_refused_with_what_to_do(supervised):
    refused = decode_message(say(supervised.ensure(), hello(version=99)))
    assert isinstance(refused, Refused)
    assert "version 1, not 99" in refused.reason
    assert "tuitrain stop" in refused.reason


JUNK = [
    b"\0\xff\xfe junk\n",
    b"{}\n",
    b"[" * 100_000 + b"\n",
    b'{"type":"Hello","version":1,"role":"root","study":"digits"}\n',
    b'{"type":"Hello","version":1,"role":"client","study":"digits","extra":1}\n',
    b'{"type":"Hello","version":1,"role":"trial","study":"digits"}\n',
    hello() + b'{"type":"Asked","id":1,"command":{"type":"Explode"}}\n',
    hello() + hello(),
    hello() + b"x" * (TRIAL_LINE_BYTES + 10),
    b"x" * (TRIAL_LINE_BYTES + 10),
]


def test_whoever_talks_nonsense_is_sent_off_and_nobody_else_is(supervised):
    supervised.let_go()
    connection = supervised.connect()
    for junk in JUNK:
        last = say(supervised.ensure(), junk).splitlines()[-1:]
        assert all(isinstance(decode_message(line), Refused) for line in last)
    assert connection.ask(RunStep()).accepted
    wait_for(lambda: supervised.verdict(), "the verdict")


def test_lines_a_trial_never_wrote_change_nothing(supervised):
    supervised.ask(RunStep())
    wait_for(lambda: running(supervised, 2), "two trials")
    greeting = Hello(
        version=WIRE_VERSION, role="trial", study="digits", trial=TrialId("0001")
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        trial.connect(str(supervised.ensure()))
        trial.sendall(encode_message(greeting) + b"junk\n" + b'{"seq":9}\n')
        supervised.let_go()
        wait_for(lambda: supervised.verdict(), "the verdict")
    assert {len(t.get("loss")) for t in supervised.model().trials.values()} == {POINTS}


def test_a_client_that_does_not_read_is_dropped_and_others_are_served(supervised):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as deaf:
        deaf.connect(str(supervised.ensure()))
        deaf.sendall(hello())
        supervised.ask(RunStep())
        wait_for(lambda: running(supervised, 2), "two trials")
        _flood(supervised, CLIENT_BACKLOG_BYTES + (4 << 20))
        wait_for(
            lambda: "does not read" in supervised.folder.supervisor_log.read_text()
        )
        supervised.let_go()
        wait_for(lambda: supervised.verdict(), "the verdict")


def _flood(supervised: Supervised, size_bytes: int) -> None:
    """Let the GPU stream, which nobody else writes here, grow by so much."""
    log = LogWriter(supervised.folder.gpus, "gpus")
    line = GpusSampled(error="x" * (1 << 16))
    for _ in range(size_bytes >> 16):
        log.append([line])
    log.close()


def test_a_stranger_that_says_nothing_is_sent_off(supervised):
    assert say(supervised.ensure()) == b""


def test_a_connection_ends_with_its_supervisor(supervised):
    connection = supervised.connect()
    supervised.kill()
    with pytest.raises(ConnectionLostError):
        wait_for(lambda: connection.receive(0.1) and False)
    with pytest.raises(ConnectionLostError):
        connection.ask(RunStep())
