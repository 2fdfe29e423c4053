"""A terminal of our own around the real program: keys in, a screen of text out."""

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pexpect
import pyte

DEADLINE_S = 60.0


PROGRAM = (sys.executable, "-m", "tuitrain")


class Terminal:
    """Runs `python -m tuitrain` in a pseudo-terminal and reads what it draws.

    `program` may be another way to it: an SSH client that starts it somewhere else.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        folder: Path,
        *,
        columns: int = 120,
        rows: int = 36,
        program: Sequence[str] = PROGRAM,
        **environment: str,
    ) -> None:
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in ("NO_COLOR", "TEXTUAL_THEME", "SSH_CONNECTION")
        }
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self.received = bytearray()
        """Every byte the program wrote so far."""
        self.process: Any = pexpect.spawn(
            program[0],
            [*program[1:], *arguments],
            cwd=str(folder),
            env={**kept, "TERM": "xterm-256color", **environment},
            dimensions=(rows, columns),
            timeout=DEADLINE_S,
        )

    @property
    def pid(self) -> int:
        """The program's process."""
        return int(self.process.pid or 0)

    @property
    def text(self) -> str:
        """What is on the screen, as far as it was read."""
        # Not `display`, which takes the rest of a wide character for an impossibility.
        buffer, columns = self._screen.buffer, range(self._screen.columns)
        rows = (buffer[y] for y in range(self._screen.lines))
        return "\n".join("".join(row[x].data for x in columns) for row in rows)

    def press(self, key: str) -> None:
        """Send a key as a terminal does."""
        self.process.send(key)

    def wait_for(self, *texts: str) -> None:
        """Read until the screen shows all of `texts`; fail at the deadline."""
        self.wait_until(lambda: all(text in self.text for text in texts), str(texts))

    def wait_until(self, condition: Callable[[], object], what: str) -> None:
        """Read until `condition` holds; fail at the deadline."""
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline, f"never saw {what}:\n{self.text}"
            self.read()

    def read(self, timeout_s: float = 0.1) -> int:
        """Read what there is, for `timeout_s` at most; return how many bytes."""
        try:
            content = self.process.read_nonblocking(1 << 16, timeout_s)
        except pexpect.TIMEOUT:
            return 0
        except pexpect.EOF:
            time.sleep(0.05)
            return 0
        self._stream.feed(content)
        self.received += content
        return len(content)

    def wait_for_end(self) -> int:
        """Read until the program ends; return its exit status as a shell gives it."""
        self.wait_until(lambda: not self.process.isalive(), "the end of the program")
        while self.read():
            pass
        if self.process.signalstatus is not None:
            return 128 + int(self.process.signalstatus)
        return int(self.process.exitstatus or 0)

    def vanish(self) -> None:
        """Take the terminal away as a broken line does; no signal is sent by us."""
        self.process.ptyproc.fileobj.close()
        self.process.ptyproc.closed = True
        self.process.closed = True

    def close(self) -> None:
        """End the program if it still runs."""
        if not self.process.closed:
            if self.process.isalive():
                # Nothing weaker is sure to end it while the machine is busy.
                self.process.kill(signal.SIGKILL)
                self.process.wait()
            self.process.close()
