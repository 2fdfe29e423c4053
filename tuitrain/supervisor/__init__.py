"""The daemon of a study: runs the checklist, queues trials over devices, answers clients."""

from tuitrain.supervisor.arguments import keep_arguments
from tuitrain.supervisor.ensure import ensure_running, find_running
from tuitrain.supervisor.failures import SupervisorError
from tuitrain.supervisor.scope import find_scope_command

__all__ = [
    "SupervisorError",
    "ensure_running",
    "find_running",
    "find_scope_command",
    "keep_arguments",
]
