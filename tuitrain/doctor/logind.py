"""What systemd-logind does to processes, folders and shared memory at a logout."""

import configparser
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tuitrain.doctor.ask import ask
from tuitrain.doctor.check import Check, broken, fine, unknown, warning
from tuitrain.doctor.machine import Machine
from tuitrain.supervisor import find_scope_command

KILL: Final = "kill at logout"
LINGER: Final = "linger"
IPC: Final = "IPC at logout"

_MAIN_FILES: Final = ("etc", "run", "usr/local/lib", "usr/lib")
"""Folders of `systemd/logind.conf`, the one that counts first."""
_KEYS: Final = ("KillUserProcesses", "KillOnlyUsers", "KillExcludeUsers", "RemoveIPC")
_COMMENTED: Final = re.compile(rf"^#\s*({'|'.join(_KEYS)})=", re.MULTILINE)
_ASK_S: Final = 3.0
_FIRST_PERSON: Final = 1000
"""Smallest number of a person's account; smaller ones are the system's."""


@dataclass(frozen=True, kw_only=True)
class LogindFacts:
    """What logind is set to, and where this process stands."""

    is_here: bool = True
    user: str = "me"
    uid: int = 1000
    kills: bool | None = False
    """`KillUserProcesses`; None: nobody tells."""
    kill_only: tuple[str, ...] = ()
    kill_exclude: tuple[str, ...] = ("root",)
    removes_ipc: bool | None = False
    """`RemoveIPC`; None: nobody tells."""
    lingers: bool = True
    """Whether the user's own manager outlives the last session."""
    cgroup: str = ""
    """Path of this process's control group."""
    gets_scope: bool = False
    """Whether a study that is started here gets a scope of that manager."""

    @property
    def is_victim(self) -> bool:
        """Whether `KillUserProcesses`, if it is on, means this user."""
        is_meant = not self.kill_only or self.user in self.kill_only
        return is_meant and self.user not in self.kill_exclude

    @property
    def place(self) -> str:
        """`session`, `manager` (of the user) or `elsewhere`: what ends with what."""
        names = self.cgroup.split("/")
        if any(n.startswith("session-") and n.endswith(".scope") for n in names):
            return "session"
        if any(n.startswith("user@") and n.endswith(".service") for n in names):
            return "manager"
        return "elsewhere"


def read_logind(machine: Machine) -> LogindFacts:
    """Return what logind says of itself, or else what its files do."""
    is_root = machine.root == Path("/")
    on_bus = _ask_bus() if is_root else {}
    if not on_bus and not machine.path("/run/systemd/system").is_dir():
        return LogindFacts(is_here=False, user=machine.user, uid=machine.uid)
    settings = {**read_files(machine.root), **on_bus}
    linger_file = machine.path("/var/lib/systemd/linger") / machine.user
    return LogindFacts(
        user=machine.user,
        uid=machine.uid,
        kills=_truth(settings.get("KillUserProcesses")),
        kill_only=tuple(settings.get("KillOnlyUsers", "").split()),
        kill_exclude=tuple(settings.get("KillExcludeUsers", "root").split()),
        removes_ipc=_truth(settings.get("RemoveIPC")),
        lingers=linger_file.exists() or (is_root and _asks_to_linger(machine.user)),
        cgroup=_own_cgroup(machine.read("/proc/self/cgroup") or ""),
        gets_scope=bool(
            find_scope_command("x", root=machine.root, environment=machine.environ)
        ),
    )


def judge_logind(facts: LogindFacts) -> list[Check]:
    """Say what a logout would take away."""
    if not facts.is_here:
        return [fine(KILL, "no systemd-logind here: nobody cleans up after a logout")]
    return [_judge_kill(facts), _judge_linger(facts), _judge_ipc(facts)]


def read_files(root: Path) -> dict[str, str]:
    """Return the settings of `logind.conf` and its drop-ins, the later ones winning.

    What the shipped file tells as compiled in, commented out, counts where nothing
    else is said.
    """
    settings: dict[str, str] = {}
    folders = [root / name / "systemd" for name in _MAIN_FILES]
    mains = [folder / "logind.conf" for folder in folders]
    main = next((path for path in mains if path.is_file()), None)
    if main is not None:
        settings |= _parse(main, with_defaults=True)
    drop_ins: dict[str, Path] = {}
    for folder in reversed(folders):
        for path in (folder / "logind.conf.d").glob("*.conf"):
            drop_ins[path.name] = path  # the same name in a folder that counts more
    for name in sorted(drop_ins):
        settings |= _parse(drop_ins[name])
    return settings


def _judge_kill(facts: LogindFacts) -> Check:
    if facts.place == "manager":
        if facts.lingers:
            return fine(KILL, "started outside of the session, and your manager stays")
        return broken(
            KILL,
            "started by your user manager, which ends at your last logout",
            f"loginctl enable-linger {facts.user}",
        )
    if facts.kills is None:
        return unknown(KILL, "logind does not say whether KillUserProcesses is set")
    if not facts.kills:
        return fine(KILL, "KillUserProcesses=no: what you leave behind goes on")
    if not facts.is_victim:
        return fine(KILL, f"KillUserProcesses=yes, but not for {facts.user}")
    if facts.place == "elsewhere":
        return fine(KILL, "KillUserProcesses=yes, but this is no login session")
    if facts.gets_scope:
        return fine(
            KILL,
            "KillUserProcesses=yes, but a study started here gets a scope of your "
            "manager, which stays",
        )
    admin = "an admin sets KillUserProcesses=no in /etc/systemd/logind.conf"
    if facts.lingers:
        return broken(
            KILL,
            "KillUserProcesses=yes: supervisor and trials die when you log out, since "
            "your manager stays but can't be asked for a scope here",
            "log in anew so that $XDG_RUNTIME_DIR is set, with systemd-run and a user "
            f"bus installed (Debian: dbus-user-session); or {admin}",
        )
    return broken(
        KILL,
        "KillUserProcesses=yes: supervisor and trials die when you log out",
        f"loginctl enable-linger {facts.user}; a study started after that gets a scope "
        f"of its own (or {admin})",
    )


def _judge_linger(facts: LogindFacts) -> Check:
    if facts.lingers:
        return fine(LINGER, f"on for {facts.user}")
    return warning(
        LINGER,
        "off: at your last logout the runtime folder goes, with the studies' sockets; "
        "trials go on, and the sockets come back when you do",
        f"loginctl enable-linger {facts.user}",
    )


def _judge_ipc(facts: LogindFacts) -> Check:
    if facts.uid < _FIRST_PERSON:
        return fine(IPC, "RemoveIPC spares root and the system's accounts")
    if facts.removes_ipc is False:
        return fine(IPC, "RemoveIPC=no: shared memory stays")
    if facts.lingers:
        return fine(IPC, "shared memory stays, since you linger")
    known = "RemoveIPC=yes" if facts.removes_ipc else "RemoveIPC is yes by default"
    return warning(
        IPC,
        f"{known}: at your last logout the shared memory of DataLoader workers goes, "
        "and a training that uses them may fail",
        f"loginctl enable-linger {facts.user} (or an admin sets RemoveIPC=no in "
        "/etc/systemd/logind.conf)",
    )


def _parse(path: Path, *, with_defaults: bool = False) -> dict[str, str]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    defaults = _read_login(_COMMENTED.sub(r"\1=", text)) if with_defaults else {}
    return defaults | _read_login(text)


def _read_login(text: str) -> dict[str, str]:
    parser = configparser.ConfigParser(
        strict=False, interpolation=None, delimiters=("=",), allow_no_value=True
    )
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text)
    except configparser.Error:
        return {}
    if not parser.has_section("Login"):
        return {}
    found = parser["Login"]
    return {key: found[key] or "" for key in _KEYS if key in found}


def _truth(word: str | None) -> bool | None:
    match (word or "").lower():
        case "yes" | "true" | "on" | "1" | "y" | "t":
            return True
        case "no" | "false" | "off" | "0" | "n" | "f":
            return False
        case _:
            return None


def _ask_bus() -> dict[str, str]:
    """Return what the running logind goes by; {}: it does not answer."""
    login = "org.freedesktop.login1"
    command = ["busctl", "get-property", login, "/org/freedesktop/login1"]
    answer = ask([*command, f"{login}.Manager", *_KEYS], limit_s=_ASK_S)
    lines = answer.out.splitlines()
    if answer.error or len(lines) != len(_KEYS):
        return {}
    return dict(zip(_KEYS, map(read_bus_value, lines), strict=True))


def read_bus_value(line: str) -> str:
    """Return what `busctl` wrote (`b true`, `as 2 "a" "b"`) as a file would have it."""
    kind, _, value = line.partition(" ")
    if kind == "as":
        return " ".join(word.strip('"') for word in value.split()[1:])
    return value


def _asks_to_linger(user: str) -> bool:
    answer = ask(["loginctl", "show-user", user, "--property=Linger"], limit_s=_ASK_S)
    return answer.out.strip() == "Linger=yes"


def _own_cgroup(text: str) -> str:
    """Return the path in the hierarchy that systemd keeps."""
    lines = [line.split(":", 2) for line in text.splitlines()]
    paths = {fields[1]: fields[2] for fields in lines if len(fields) == 3}
    return paths.get("name=systemd") or paths.get("", "")
