"""Whether the disk of a study still takes anything."""

import os
from pathlib import Path
from typing import Final

LEAST_BYTES: Final = 64 << 10
"""Less than a few batches of points."""


def find_disk_trouble(folder: Path) -> str:
    """Say in one line that the disk is full; empty: it is not, or nobody can tell.

    Training processes notice first, but have nowhere left to write that down.
    """
    try:
        facts = os.statvfs(folder)
    except OSError:
        return ""
    is_full = facts.f_bavail * facts.f_frsize < LEAST_BYTES
    # Some file systems count no files at all.
    if is_full or (facts.f_files > 0 and facts.f_favail == 0):
        return "disk full: points wait in memory, the oldest get lost; free some space"
    return ""
