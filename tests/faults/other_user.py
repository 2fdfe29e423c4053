"""Another user of this machine: what they try, in a process of theirs.

Run as a script (standard library only, so that it needs nothing that is ours), it does
one thing and prints what came of it as JSON. `OtherUser` starts it, as root can.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

UID = 65534
"""`nobody`."""


class OtherUser:
    """Starts this file as another user."""

    def __init__(self) -> None:
        """Copy this file where the other user can read it."""
        self._folder = tempfile.TemporaryDirectory(prefix="other-user-", dir="/tmp")
        self.folder = Path(self._folder.name)
        self.folder.chmod(0o1777)
        self._script = self.folder / "other_user.py"
        self._script.write_text(Path(__file__).read_text())
        self._script.chmod(0o644)

    def start(self, *arguments: str | Path) -> "subprocess.Popen[str]":
        """Let the other user begin to do something."""
        command = ["/usr/bin/env", "python3", "-I", str(self._script)]
        return subprocess.Popen(
            [*command, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd="/",
            user=UID,
            group=UID,
            extra_groups=[],
            env={"PATH": "/usr/bin:/bin"},
            umask=0,
            text=True,
        )

    def do(self, *arguments: str | Path) -> Any:
        """Let the other user do something, and return what came of it."""
        return self.finish(self.start(*arguments))

    @staticmethod
    def finish(process: "subprocess.Popen[str]") -> Any:
        """Tell the other user that it is enough, and return what came of it."""
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said
        return json.loads(said.splitlines()[-1])

    def close(self) -> None:
        """Remove what was made for them."""
        self._folder.cleanup()


def connect(path: str) -> str:
    """Return what came of one attempt to connect: `connected`, or why not."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as attempt:
        try:
            attempt.connect(path)
        except OSError as error:
            return type(error).__name__
    return "connected"


def spin(path: str) -> dict[str, int]:
    """Connect again and again until standard input ends; count what came of it."""
    print("spinning", flush=True)
    os.set_blocking(0, False)
    counts: dict[str, int] = {}
    while True:
        for _ in range(20):
            came = connect(path)
            counts[came] = counts.get(came, 0) + 1
        with contextlib.suppress(BlockingIOError):
            if os.read(0, 1) == b"":
                return counts


def say(path: str, *lines: str) -> dict[str, Any]:
    """Connect, send lines, and return what was answered before the end."""
    answer = b""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as talking:
        talking.settimeout(30)
        try:
            talking.connect(path)
        except OSError as error:
            return {"connected": False, "error": type(error).__name__}
        try:
            for line in lines:
                talking.sendall(line.encode() + b"\n")
            while block := talking.recv(1 << 16):
                answer += block
        except OSError:
            pass
    return {"connected": True, "answer": answer.decode(errors="replace")}


def open_all(*paths: str) -> list[str]:
    """Return those of `paths` that can be read, written, listed or entered."""
    opened = []
    for path in paths:
        for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR):
            with contextlib.suppress(OSError):
                os.close(os.open(path, flags | os.O_NONBLOCK))
                opened.append(path)
                break
        with contextlib.suppress(OSError):
            os.listdir(path)
            opened.append(path)
    return opened


def squat(kind: str, path: str) -> bool:
    """Put something of ours where a folder of theirs will be looked for."""
    if kind == "folder":
        Path(path).mkdir(0o700)
    elif kind == "open folder":
        Path(path).mkdir(0o777)
    elif kind == "link":
        target = Path(path + "-target")
        target.mkdir(0o777)
        Path(path).symlink_to(target)
    else:
        Path(path).write_text("mine")
    return True


def serve(path: str) -> dict[str, int]:
    """Listen at `path` for everybody until standard input ends; count what is said."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(path)
        Path(path).chmod(0o777)
        listening.listen(64)
        listening.setblocking(False)
        os.set_blocking(0, False)
        print("serving", flush=True)
        counts = {"connected": 0, "bytes": 0}
        guests = []
        while True:
            with contextlib.suppress(BlockingIOError):
                guest = listening.accept()[0]
                guest.setblocking(False)
                guests.append(guest)
                counts["connected"] += 1
            for guest in guests:
                with contextlib.suppress(OSError):
                    counts["bytes"] += len(guest.recv(1 << 16))
            with contextlib.suppress(BlockingIOError):
                if os.read(0, 1) == b"":
                    return counts
            time.sleep(0.005)


if __name__ == "__main__":
    deeds = {f.__name__: f for f in (connect, spin, say, open_all, squat, serve)}
    print(json.dumps(deeds[sys.argv[1]](*sys.argv[2:])))
