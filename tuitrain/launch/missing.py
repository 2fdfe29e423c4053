"""What to say when torch, or something the worker needs, can't be imported."""

import sys


def explain_import_failure(error: ImportError) -> str:
    """Return one line: what is missing, where, and what to do."""
    if error.name == "torch" and isinstance(error, ModuleNotFoundError):
        return (
            f"torch is not installed in {sys.executable}; "
            f"install it with: {sys.executable} -m pip install torch"
        )
    what = str(error).replace("\n", " ")
    return (
        f"torch can't be imported in {sys.executable} ({what}); "
        f"try it by itself: {sys.executable} -c 'import torch'"
    )
