"""How a trial's process comes to be, is watched and ends, behind one door."""

from tuitrain.launch.exit_status import ExitStatus
from tuitrain.launch.failures import LaunchError
from tuitrain.launch.identity import ProcessIdentity, read_boot_id, read_status
from tuitrain.launch.interpreter import module_command, module_environment
from tuitrain.launch.launcher import (
    Fallback,
    Launched,
    Launcher,
    LaunchNews,
    Unusable,
)

__all__ = [
    "ExitStatus",
    "Fallback",
    "LaunchError",
    "LaunchNews",
    "Launched",
    "Launcher",
    "ProcessIdentity",
    "Unusable",
    "module_command",
    "module_environment",
    "read_boot_id",
    "read_status",
]
