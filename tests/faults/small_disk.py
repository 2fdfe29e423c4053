"""A disk of a few hundred KiB, to be filled; needs the right to mount."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[Path]:
    """Mount a file system in memory at `path`, or skip the test by name."""
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(path)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("needs `mount`")
    if done.returncode != 0:
        pytest.skip(f"needs the right to mount a tmpfs ({done.stderr.strip()})")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def fill(disk: Path) -> Path:
    """Write until nothing fits any more, and return the file that holds the space."""
    filler = disk / "filler"
    block = b"x" * 4096
    with filler.open("ab", buffering=0) as file:
        try:
            while file.write(block) == len(block):
                continue
        except OSError:
            return filler
    return filler
