"""A real `sshd` of our own on the loopback interface, with throwaway keys."""

import os
import pwd
import shlex
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from tests.flow.waiting import wait_for

_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])

_CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PidFile {folder}/sshd.pid
AuthenticationMethods publickey
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PrintMotd no
ClientAliveInterval 1
ClientAliveCountMax 2
"""


class SshHost:
    """This machine as `ssh` sees it."""

    def __init__(self, folder: Path) -> None:
        """Start the daemon; the test is skipped by name where there can be none."""
        folder.mkdir()
        self.folder = folder
        self.port = find_free_port()
        self._daemon: subprocess.Popen[bytes] | None = None
        for name in ("host_key", "user_key"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", name]
            subprocess.run(command, cwd=folder, check=True)
        config = _CONFIG.format(port=self.port, folder=folder)
        (folder / "sshd_config").write_text(config)
        self.start()

    @property
    def log(self) -> Path:
        """What the daemon says."""
        return self.folder / "sshd.log"

    def start(self) -> None:
        """Start the daemon, again perhaps, and see it listen."""
        sshd = shutil.which("sshd", path=_PATH)
        assert sshd is not None
        config = str(self.folder / "sshd_config")
        command = [sshd, "-D", "-f", config, "-E", str(self.log)]
        self._daemon = daemon = subprocess.Popen(command)
        wait_for(
            lambda: daemon.poll() is not None or _answers(self.port), "sshd to listen"
        )

    def kill_listener(self) -> None:
        """Kill the daemon that accepts connections; those there are have their own."""
        assert self._daemon is not None
        self._daemon.kill()
        self._daemon.wait()

    def close(self) -> None:
        """End the daemon."""
        if self._daemon is not None and self._daemon.poll() is None:
            self._daemon.terminate()
            self._daemon.wait()

    def command(self, *options: str, port: int | None = None) -> list[str]:
        """Return the client's command up to the host's name."""
        return [
            *("ssh", "-F", "none", "-p", str(port or self.port), *options),
            *("-i", str(self.folder / "user_key"), "-o", "IdentitiesOnly=yes"),
            *("-o", "BatchMode=yes", "-o", "LogLevel=ERROR"),
            *("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"),
            f"{pwd.getpwuid(os.getuid()).pw_name}@127.0.0.1",
        ]

    def run(self, script: str, timeout_s: float) -> subprocess.CompletedProcess[bytes]:
        """Run a line of shell on the host as a person would, without a terminal."""
        return subprocess.run(
            [*self.command(), script],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )


def start_host(folder: Path) -> SshHost:
    """Return a host one can log into; skip by name where there can be none."""
    for name in ("sshd", "ssh", "ssh-keygen"):
        if shutil.which(name, path=_PATH) is None:
            pytest.skip(f"{name} is not installed")
    if os.getuid() == 0:
        # Debian's sshd wants it there, and only its service makes it.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    host = SshHost(folder)
    try:
        answered = host.run("echo in", 60)
    except subprocess.TimeoutExpired:
        answered = None
    if answered is None or answered.stdout != b"in\n":
        host.close()
        said = host.log.read_text(errors="replace").splitlines()[-3:]
        pytest.skip(f"nobody can log in by SSH here: {'; '.join(said)}")
    return host


def in_shell(command: Sequence[str | Path], **environment: str) -> str:
    """Return a line of shell that runs `command` with some more environment."""
    given = [f"{name}={value}" for name, value in environment.items()]
    return shlex.join(["env", *given, *map(str, command)])


class Link:
    """A network between the client and the host, which may go dead."""

    def __init__(self, port: int) -> None:
        """Lead from a port of its own to `port`."""
        self._target = port
        self._dead = threading.Event()
        self._ends: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def die(self) -> None:
        """Carry nothing any more, and tell nobody."""
        self._dead.set()

    def close(self) -> None:
        """Let go of both ends."""
        self._listening.close()
        for end in self._ends:
            end.close()

    def _accept(self) -> None:
        try:
            near = self._listening.accept()[0]
        except OSError:
            return
        far = socket.create_connection(("127.0.0.1", self._target))
        self._ends += [near, far]
        for source, sink in ((near, far), (far, near)):
            threading.Thread(
                target=self._carry, args=(source, sink), daemon=True
            ).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while (block := source.recv(1 << 16)) and not self._dead.is_set():
                sink.sendall(block)
            if not self._dead.is_set():
                sink.shutdown(socket.SHUT_WR)
        except OSError:
            return


def kill_session(screen: psutil.Process) -> None:
    """Kill the daemon's process of one login, from whose shell `screen` was started."""
    parent = screen.parent()
    assert parent is not None
    assert parent.name().startswith("sshd"), parent.name()
    parent.send_signal(signal.SIGKILL)


def find_free_port() -> int:
    """Return a port nobody uses at the moment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return False
    return True
