"""Stand-in for the worker: gives processes started by a test one without torch.

On the path of those processes (`PYTHONPATH`) this module is loaded before anything
else, and answers for `tuitrain.worker.entry` with the module beside it.
"""

import sys
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path


class StandInFinder:
    """Finds the stand-in where the real entry point would be."""

    @staticmethod
    def find_spec(
        name: str, _path: object, _target: object = None
    ) -> ModuleSpec | None:
        if name != "tuitrain.worker.entry":
            return None
        return spec_from_file_location(
            name, Path(__file__).with_name("standin_entry.py")
        )


sys.meta_path.insert(0, StandInFinder)
