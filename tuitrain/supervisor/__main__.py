"""`python -m tuitrain.supervisor STUDY_FOLDER`: leaves its caller and serves a study."""

import argparse
import os
import sys
from pathlib import Path


def main(argv: list[str] | None = None) -> int:
    """Become a daemon and supervise a study until there is nothing left to do."""
    parser = argparse.ArgumentParser(prog="tuitrain.supervisor")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ready", type=int, help="descriptor to say `ready` on")
    parser.add_argument("--foreground", action="store_true", help="do not leave")
    arguments = parser.parse_args(argv)
    folder = arguments.folder.resolve()
    if not arguments.foreground:
        _leave_caller()
    # Loaded after the fork, which must not copy anybody's threads.
    from tuitrain.supervisor.serve import serve

    return serve(folder, arguments.ready)


def _leave_caller() -> None:
    """Become a process that no terminal and no session can take along.

    A session of its own is not enough: its leader could still be given a terminal.
    """
    if os.fork() > 0:
        os._exit(0)
    if os.getsid(0) == os.getppid():
        return
    os.setsid()
    if os.fork() > 0:
        os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
