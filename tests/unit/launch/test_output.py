"""What a script prints while its disk takes nothing: real full disks are in tests/faults."""

import errno
import io
import os

import pytest

from tuitrain.launch.output import ForgivingOutput


def test_a_full_disk_takes_the_words_and_leaves_the_script():
    with open("/dev/full", "wb") as full:
        stream = io.TextIOWrapper(
            io.BufferedWriter(ForgivingOutput(full.fileno())), line_buffering=True
        )
        print("a line that nobody will read", file=stream)
        stream.flush()
        stream.close()


def test_other_errors_are_the_scripts_own():
    read, write = os.pipe()
    os.close(read)
    with pytest.raises(BrokenPipeError):
        ForgivingOutput(write).write(b"x")
    os.close(write)
    with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        ForgivingOutput(write).write(b"x")


def test_a_healthy_disk_gets_everything(tmp_path):
    with (tmp_path / "out").open("wb") as file:
        assert ForgivingOutput(file.fileno()).write(b"words") == 5
    assert (tmp_path / "out").read_bytes() == b"words"
