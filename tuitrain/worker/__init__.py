"""Inside the training process: the loop of a `Task`, the run of a script's own loop."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tuitrain.worker.alone import train
    from tuitrain.worker.run import Run, init
    from tuitrain.worker.task import Task
    from tuitrain.worker.trial import Trial

__all__ = ["Run", "Task", "Trial", "init", "train"]

_HOMES: Final = {
    "Run": "run",
    "Task": "task",
    "Trial": "trial",
    "init": "run",
    "train": "alone",
}


def __getattr__(name: str) -> object:
    """Load torch on first use: the entry point must be able to say that it is missing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'tuitrain.worker' has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"tuitrain.worker.{_HOMES[name]}"), name)
    return value
