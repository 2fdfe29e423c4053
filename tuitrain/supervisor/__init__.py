"""The daemon of a study: runs the checklist, queues trials over devices, answers clients."""

from tuitrain.supervisor.arguments import keep_arguments
from tuitrain.supervisor.ensure import ensure_running, find_running
from tuitrain.supervisor.failures import SupervisorError

__all__ = ["SupervisorError", "ensure_running", "find_running", "keep_arguments"]
