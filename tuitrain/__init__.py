"""tuitrain: choose hyperparameters on one GPU box, six steps, from a terminal.

A training script needs `Task` and `Trial` (and `train`, to be started by hand), or
`init` for a loop of its own. They are loaded when first asked for: this module itself
imports neither torch nor a screen.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tuitrain.worker import Run, Task, Trial, init, train

__version__ = "0.1.0"

__all__ = ["Run", "Task", "Trial", "__version__", "init", "train"]


def __getattr__(name: str) -> object:
    """Load the worker side on first use; it imports torch."""
    if name not in __all__:
        raise AttributeError(f"module 'tuitrain' has no attribute {name!r}")
    import importlib

    # By name: the rooms that read `__version__` from here do not depend on the worker.
    value: object = getattr(importlib.import_module("tuitrain.worker"), name)
    return value
