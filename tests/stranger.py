"""Something done by a user who may not look into another one's folders."""

import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


@contextmanager
def common_folder() -> Iterator[Path]:
    """A folder that every user may look into, unlike those of pytest."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def closed_to_strangers(folder: Path) -> Iterator[None]:
    """Let only the owner look into `folder`; where that is not root, nobody at all."""
    folder.chmod(0o700 if os.geteuid() == 0 else 0o000)
    try:
        yield
    finally:
        folder.chmod(0o700)


def as_stranger(do: Callable[[], object]) -> str:
    """Call `do` in a process of another user, and return all it wrote, its result last.

    What it imports must be imported already: the interpreter's own files may be closed
    to that user, too.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            sys.stdout = sys.stderr = os.fdopen(writing, "w")
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            print(do(), flush=True)
        except BaseException:  # noqa: BLE001 - whatever it is, the parent tells
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as said:
        text = said.read()
    os.waitpid(pid, 0)
    return text
