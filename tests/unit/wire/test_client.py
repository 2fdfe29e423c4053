"""The client's end, against a listener that says what the test wants."""

import os
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tuitrain.commands import RunStep
from tuitrain.wire import (
    WIRE_VERSION,
    Answered,
    Asked,
    Connection,
    ConnectionLostError,
    HandshakeError,
    Hello,
    Message,
    Refused,
    Relayed,
    Welcome,
    connect,
    decode_message,
    encode_message,
)

WELCOME = Welcome(version=WIRE_VERSION, study="digits", pid=1)
STREAMED = Relayed(stream="journal", record=msgspec.Raw(b'{"seq": 1}'))


class Listener:
    """A listening socket whose one guest is served by a function."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "s.sock"
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listening.bind(str(self.path))
        self._listening.listen()
        self._thread: threading.Thread | None = None
        self.heard: list[Message] = []

    def serve(self, play: Callable[["Listener", socket.socket], None]) -> None:
        """Let `play` speak to the next guest, after its hello is heard."""

        def run() -> None:
            guest, _ = self._listening.accept()
            with guest:
                self.hear(guest)
                play(self, guest)

        self._thread = threading.Thread(target=run)
        self._thread.start()

    def hear(self, guest: socket.socket) -> Message:
        line = b""
        while not line.endswith(b"\n"):
            line += guest.recv(1)
        self.heard.append(decode_message(line))
        return self.heard[-1]

    def close(self) -> None:
        self._listening.close()
        if self._thread is not None:
            self._thread.join(20)


@pytest.fixture
def listener():
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        listener = Listener(Path(folder))
        yield listener
        listener.close()


def say(*messages: Message) -> Callable[[Listener, socket.socket], None]:
    def play(_listener: Listener, guest: socket.socket) -> None:
        for message in messages:
            guest.sendall(encode_message(message))

    return play


def receive_all(connection: Connection) -> list[Relayed]:
    """Return everything up to the end of the connection."""
    received: list[Relayed] = []
    try:
        while True:
            received += connection.receive(5.0)
    except ConnectionLostError:
        return received


def test_a_client_says_hello_and_is_welcomed(listener):
    listener.serve(say(WELCOME))
    connect(listener.path, "digits").close()
    assert listener.heard == [
        Hello(version=WIRE_VERSION, role="client", study="digits")
    ]


def test_nobody_there_is_told_in_one_line(tmp_path):
    with pytest.raises(ConnectionLostError, match="no supervisor listens there"):
        connect(tmp_path / "none.sock", "digits")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Refused(reason="too many"), "too many"),
        (Welcome(version=2, study="digits", pid=1), "in version 2"),
        (Welcome(version=1, study="other", pid=1), "answers for other"),
    ],
)
def test_who_is_not_the_supervisor_looked_for_is_not_talked_to(listener, answer, why):
    listener.serve(say(answer))
    with pytest.raises(HandshakeError, match=why):
        connect(listener.path, "digits")


def test_a_listener_of_another_user_is_not_greeted(listener, monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    with pytest.raises(HandshakeError, match="not you"):
        connect(listener.path, "digits")
    assert listener.heard == []


def test_a_listener_that_stays_silent_is_given_up(listener):
    done = threading.Event()
    listener.serve(lambda *_: done.wait(20) and None)
    with pytest.raises(ConnectionLostError, match="nobody answered"):
        connect(listener.path, "digits", timeout_s=0.1)
    done.set()


def test_a_full_queue_of_a_listener_is_waited_for(tmp_path):
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        path = Path(folder) / "s"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as full:
            full.bind(str(path))
            full.listen(0)
            waiting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            waiting.connect(str(path))

            def serve() -> None:
                full.accept()[0].close()
                guest, _ = full.accept()
                with guest:
                    guest.sendall(encode_message(WELCOME))
                    guest.recv(1000)

            timer = threading.Timer(0.2, serve)
            timer.start()
            connect(path, "digits", timeout_s=20).close()
            timer.join()
            waiting.close()


def test_lines_are_received_in_order_and_answers_kept_apart(listener):
    def play(listener: Listener, guest: socket.socket) -> None:
        say(WELCOME)(listener, guest)
        asked = listener.hear(guest)
        assert isinstance(asked, Asked)
        say(STREAMED, Answered(id=asked.id, accepted=True), STREAMED)(listener, guest)

    listener.serve(play)
    connection = connect(listener.path, "digits")
    assert connection.ask(RunStep()) == Answered(id=1, accepted=True)
    received = receive_all(connection)
    assert [bytes(line.record) for line in received] == [b'{"seq": 1}'] * 2
    connection.close()


def test_one_thread_may_ask_while_another_receives(listener):
    def play(listener: Listener, guest: socket.socket) -> None:
        say(WELCOME)(listener, guest)
        for _ in range(20):
            asked = listener.hear(guest)
            assert isinstance(asked, Asked)
            say(STREAMED, Answered(id=asked.id, accepted=True))(listener, guest)

    listener.serve(play)
    connection = connect(listener.path, "digits")
    received: list[Relayed] = []
    receiver = threading.Thread(target=lambda: received.extend(receive_all(connection)))
    receiver.start()
    answers = [connection.ask(RunStep()) for _ in range(20)]
    receiver.join(20)
    assert [answer.id for answer in answers] == list(range(1, 21))
    assert len(received) == 20
    connection.close()


def test_an_answer_that_never_comes_is_given_up(listener):
    done = threading.Event()

    def play(listener: Listener, guest: socket.socket) -> None:
        say(WELCOME)(listener, guest)
        done.wait(20)

    listener.serve(play)
    connection = connect(listener.path, "digits")
    with pytest.raises(ConnectionLostError, match="did not answer"):
        connection.ask(RunStep(), timeout_s=0.1)
    assert connection.receive(0.0) == []
    done.set()
    connection.close()


def test_a_lost_supervisor_is_told_after_all_it_said(listener):
    listener.serve(say(WELCOME, STREAMED))
    connection = connect(listener.path, "digits")
    assert connection.receive(5.0) == [STREAMED]
    with pytest.raises(ConnectionLostError, match="the supervisor is gone"):
        connection.receive(5.0)
    with pytest.raises(ConnectionLostError):
        connection.ask(RunStep())
    connection.close()
    assert connection.fileno() == -1


def test_junk_from_the_other_side_ends_the_connection(listener):
    def play(listener: Listener, guest: socket.socket) -> None:
        guest.sendall(encode_message(WELCOME))
        listener.hear(guest)
        guest.sendall(b"junk\n")

    listener.serve(play)
    connection = connect(listener.path, "digits")
    with pytest.raises(ConnectionLostError, match="not a message"):
        connection.ask(RunStep())
    connection.close()
