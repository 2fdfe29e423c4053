"""A scope of its own under systemd: what is in it does not end with the login session.

With `KillUserProcesses=yes` logind ends a session's whole control group at logout, and
no fork leaves a control group. The user's own manager can lend another one, which is
no gain unless that manager lingers: otherwise it ends at the last logout with all its
scopes, where a process left behind in the session might have been spared.
"""

import os
import pwd
import re
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_OWN_GROUP: Final = Path("proc/self/cgroup")
_BOOTED: Final = Path("run/systemd/system")
_LINGER: Final = Path("var/lib/systemd/linger")
_BUSES: Final = ("bus", "systemd/private")
_LONGEST_NAME: Final = 60


def find_scope_command(
    study: str, *, root: Path = Path("/"), environment: Mapping[str, str] = os.environ
) -> list[str]:
    """Return the beginning of a command line that runs the rest of it in a scope.

    Args:
        study: Name that the scope is known by in `systemctl --user`.
        root: Where `proc`, `run` and `var` lie.
        environment: Of this process.

    Returns:
        []: there is no systemd, no manager of this user that lingers, or nothing to
        leave, since this process is in no login session.
    """
    program = shutil.which("systemd-run", path=environment.get("PATH"))
    runtime = environment.get("XDG_RUNTIME_DIR")
    if program is None or not runtime or not (root / _BOOTED).is_dir():
        return []
    if not any((Path(runtime) / bus).exists() for bus in _BUSES):
        return []
    if not (root / _LINGER / _user()).exists() or not _is_in_session(root):
        return []
    return [
        program,
        "--user",
        "--scope",
        "--quiet",
        "--collect",
        f"--unit=tuitrain-{_plain(study)}-{secrets.token_hex(4)}",
        f"--description=tuitrain study {_plain(study)}",
        "--",
    ]


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _is_in_session(root: Path) -> bool:
    try:
        groups = (root / _OWN_GROUP).read_text()
    except OSError:
        return False
    return re.search(r"/session-[^/]+\.scope(/|$)", groups, re.MULTILINE) is not None


def _plain(name: str) -> str:
    """Return a name without what a unit's name can't hold."""
    return re.sub(r"[^A-Za-z0-9_.]", "_", name)[:_LONGEST_NAME]
