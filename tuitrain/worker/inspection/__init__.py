"""Looks inside a training process that find a bug directly, in its first iterations."""

from tuitrain.worker.inspection.inspector import Inspector
from tuitrain.worker.inspection.samples import Sources

__all__ = ["Inspector", "Sources"]
