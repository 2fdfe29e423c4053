"""A terminal of our own around a program: time-stamped reads, answers, keys, limits."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

BLOCK_BYTES = 1 << 16
GIVE_UP_S = 60.0

_KEPT = ("HOME", "LANG", "LC_ALL", "PATH", "PYTHONPATH", "TMPDIR", "XDG_RUNTIME_DIR")
"""All that programs are given of this process's environment."""

_ANSWERS: tuple[tuple[re.Pattern[bytes], bytes], ...] = (
    (re.compile(rb"\x1b\[\?2026\$p"), b"\x1b[?2026;2$y"),
    (re.compile(rb"\x1b\[\?(?!2026)\d+\$p"), b""),
    (re.compile(rb"\x1b\[0?c"), b"\x1b[?62;22c"),
    (re.compile(rb"\x1b\[6n"), b"\x1b[1;1R"),
    (re.compile(rb"\x1b\[\?u"), b"\x1b[?0u"),
    (re.compile(rb"\x1b\]11;\?"), b"\x1b]11;rgb:1212/1212/1212\x1b\\"),
    (re.compile(rb"\x1b\]10;\?"), b"\x1b]10;rgb:e0e0/e0e0/e0e0\x1b\\"),
)
"""Queries and what a terminal with synchronized output and a dark background says."""


def tuitrain_command(*arguments: str) -> list[str]:
    """Return the command that runs this program as it is installed."""
    return [str(Path(sys.executable).with_name("tuitrain")), *arguments]


@dataclass(frozen=True)
class Read:
    """What one read returned, and when."""

    at_s: float
    """Of the monotonic clock, right after the read."""
    content: bytes


def _peak_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return sum(int(s.split()[1]) * 1024 for s in lines if s.startswith("VmHWM"))


class Terminal:
    """Runs a program in a pseudo-terminal and keeps all it writes."""

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        *,
        columns: int = 120,
        rows: int = 40,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.command = command
        self.started_s = time.monotonic()
        self._news = threading.Condition()
        self._reads: list[Read] = []
        self._is_read = threading.Event()
        self._is_read.set()
        self.limit_bytes_per_s = 0
        """How fast the terminal reads; 0: as fast as it can."""
        size = struct.pack("HHHH", rows, columns, 0, 0)
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        named = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        self.pid, self._master = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, size)
            os.chdir(folder)
            os.execvpe(
                command[0], list(command), {**kept, **named, **(environment or {})}
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    # What came ---------------------------------------------------------------------

    def reads(self, since_s: float = 0.0, until_s: float = float("inf")) -> list[Read]:
        """Return what came within a time, of the monotonic clock."""
        with self._news:
            return [read for read in self._reads if since_s <= read.at_s < until_s]

    def count_bytes(self, duration_s: float) -> int:
        """Wait, and return how many bytes came meanwhile."""
        since_s = time.monotonic()
        time.sleep(duration_s)
        return sum(len(read.content) for read in self.reads(since_s))

    def wait_for(
        self, is_there: Callable[[bytes], bool], since_s: float = 0.0
    ) -> float:
        """Return when all that came since then first satisfied `is_there`.

        Raises:
            TimeoutError: It did not within `GIVE_UP_S`.
        """
        deadline_s = time.monotonic() + GIVE_UP_S
        with self._news:
            seen, content = 0, b""
            while True:
                for read in self._reads[seen:]:
                    if read.at_s >= since_s:
                        content += read.content
                        if is_there(content):
                            return read.at_s
                seen = len(self._reads)
                if not self._news.wait(deadline_s - time.monotonic()):
                    break
        raise TimeoutError(f"{self.command[0]}: not seen; last: {content[-500:]!r}")

    # What is done to it ------------------------------------------------------------

    def press(self, key: bytes) -> float:
        """Send a key as a terminal does; return when."""
        pressed_s = time.monotonic()
        os.write(self._master, key)
        return pressed_s

    def stall(self) -> None:
        """Read nothing until `go_on`."""
        self._is_read.clear()

    def go_on(self) -> None:
        """Read again."""
        self._is_read.set()

    def close(self) -> None:
        """End the program and what it started."""
        processes = self._processes()
        self._is_read.set()
        self._send(processes, signal.SIGTERM)
        _, alive = psutil.wait_procs(processes, 5.0)
        self._send(alive, signal.SIGKILL)
        self._reader.join(5.0)
        os.close(self._master)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    # What it costs -----------------------------------------------------------------

    def cpu_s(self) -> float:
        """CPU time of the program and its children so far."""
        times = [process.cpu_times() for process in self._processes()]
        return sum(each.user + each.system for each in times)

    def rss_bytes(self) -> int:
        """Resident memory of the program and its children."""
        return sum(process.memory_info().rss for process in self._processes())

    def peak_rss_bytes(self) -> int:
        """Highest resident memory of the program and of each of its children."""
        return sum(_peak_bytes(process.pid) for process in self._processes())

    def _processes(self) -> list[psutil.Process]:
        try:
            own = psutil.Process(self.pid)
            return [own, *own.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def _send(self, processes: Sequence[psutil.Process], number: int) -> None:
        for process in processes:
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:
                continue

    # The thread that reads -----------------------------------------------------------

    def _read(self) -> None:
        while True:
            self._is_read.wait()
            limit = self.limit_bytes_per_s
            try:
                ready, _, _ = select.select([self._master], [], [], 0.2)
                if not ready or not self._is_read.is_set():
                    continue
                content = os.read(self._master, limit // 20 if limit else BLOCK_BYTES)
            except OSError:
                return
            read = Read(time.monotonic(), content)
            self._answer(content)
            with self._news:
                self._reads.append(read)
                self._news.notify_all()
            if limit:
                time.sleep(0.05)

    def _answer(self, content: bytes) -> None:
        if b"\x1b" not in content:
            return
        for query, answer in _ANSWERS:
            if answer and query.search(content):
                os.write(self._master, answer)
