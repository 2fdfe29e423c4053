"""What is forced to the disk, and when; that it outlives a power cut no test can show."""

import errno
import os

import pytest

from tests.flow.waiting import wait_for
from tuitrain.launch import flushing
from tuitrain.launch.flushing import Flusher


@pytest.fixture
def flushed(monkeypatch):
    """The sizes of the files that were flushed, in order."""
    sizes: list[int] = []
    fdatasync = os.fdatasync

    def note(descriptor: int) -> None:
        fdatasync(descriptor)
        sizes.append(os.fstat(descriptor).st_size)

    monkeypatch.setattr(os, "fdatasync", note)
    return sizes


def test_only_what_has_grown_is_flushed(tmp_path, flushed):
    path = tmp_path / "points.jsonl"
    flusher = Flusher([path])
    flusher.flush()
    assert flushed == []
    path.write_bytes(b"one")
    flusher.flush()
    flusher.flush()
    assert flushed == [3]
    path.write_bytes(b"one, two")
    flusher.flush()
    assert flushed == [3, 8]


def test_a_failure_is_not_tried_again_as_if_it_could_still_succeed(
    tmp_path, monkeypatch
):
    path = tmp_path / "points.jsonl"
    path.write_bytes(b"one")
    calls: list[int] = []

    def fail(descriptor: int) -> None:
        calls.append(descriptor)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fail)
    flusher = Flusher([path])
    flusher.flush()
    flusher.flush()
    assert len(calls) == 1


def test_it_goes_on_beside_whoever_started_it(tmp_path, flushed, monkeypatch):
    monkeypatch.setattr(flushing, "FLUSH_EVERY_S", 0.01)
    path = tmp_path / "points.jsonl"
    Flusher([path]).start()
    path.write_bytes(b"one")
    wait_for(lambda: flushed == [3], "the first flush")
