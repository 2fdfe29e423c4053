"""`best.json`: the accepted configuration, for people and other programs."""

from typing import Final

import msgspec

from tuitrain.events import BestAccepted
from tuitrain.store import StudyFolder, write_atomically

FORMAT: Final = "tuitrain-best/1"
"""Name and version of the file's content."""


def write_best(folder: StudyFolder, accepted: BestAccepted, script: str) -> None:
    """Write what was accepted; the checkpoint's path is below the study folder.

    Raises:
        StoreError: It can't be written.
    """
    content = {
        "format": FORMAT,
        "study": folder.name,
        "script": script,
        "trial": accepted.trial,
        "config": accepted.config,
        "metrics": accepted.metrics,
        "checkpoint": accepted.checkpoint,
    }
    text = msgspec.json.format(msgspec.json.encode(content), indent=2)
    write_atomically(folder.best, text + b"\n")
