"""Points in a file: on real disks, small and failing ones among them."""

import errno
import logging
import os
import resource
import stat
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.faults.small_disk import fill, small_disk
from tuitrain.model import EMPTY_SERIES, SpilledSeries, SpillError
from tuitrain.supervisor.spill import SpillFile

ROWS = 64
PART_BYTES = 28 + 8 * ROWS
"""Of iterations that lie evenly apart, none is written."""


def grown(series, rows: int):
    """Return the series with more points, some of them not finite."""
    first = (series.last_iteration or 0) + 1
    values = np.sin(np.arange(first, first + rows) / 9)
    values[::50] = np.nan
    return series.append(np.arange(first, first + rows), values)


def spilled(spill: SpillFile, rows: int):
    series = SpilledSeries(spill)
    while len(series) < rows:
        series = grown(series, 16)
    return series


def expected(rows: int):
    series = EMPTY_SERIES
    while len(series) < rows:
        series = grown(series, 16)
    return series


def assert_whole(series) -> None:
    np.testing.assert_array_equal(series.values, expected(len(series)).values)
    np.testing.assert_array_equal(series.iterations, np.arange(1, len(series) + 1))


def descriptor_of(spill: SpillFile) -> int:
    descriptor = spill._descriptor
    assert descriptor is not None
    return descriptor


@contextmanager
def file_size_limit(size: int):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def spill(tmp_path):
    spill = SpillFile(tmp_path, part_rows=ROWS, least_free_bytes=0)
    yield spill
    spill.close()


def test_what_is_read_back_is_what_was_written(spill):
    series = spilled(spill, 10_000)
    assert os.fstat(descriptor_of(spill)).st_size > 150 * PART_BYTES
    assert_whole(series)


@pytest.mark.parametrize(
    "iterations",
    [
        np.arange(0, 7000, 7),
        np.repeat(np.arange(100), 10),
        np.cumsum(np.arange(1000) % 3),
        np.full(1000, 2**62),
        np.r_[np.arange(500), np.arange(10**15, 10**15 + 500)],
    ],
    ids=["even", "several values each", "uneven", "one", "a jump"],
)
def test_iterations_are_what_they_were(spill, iterations):
    values = np.cos(np.arange(len(iterations)))
    series = SpilledSeries(spill).append(iterations, values)
    np.testing.assert_array_equal(series.iterations, iterations)
    np.testing.assert_array_equal(series.values, values)


def test_the_file_has_no_name_no_other_reader_and_no_heir(spill, tmp_path):
    spilled(spill, 1000)
    assert list(tmp_path.iterdir()) == []
    facts = os.fstat(descriptor_of(spill))
    assert stat.S_IMODE(facts.st_mode) == 0o600
    assert not os.get_inheritable(descriptor_of(spill))


def test_a_file_system_without_nameless_files_gets_one_whose_name_is_gone(
    tmp_path, monkeypatch
):
    """Fake of such a file system, as NFS is: the flag is refused, all else is real."""
    real = os.open

    def without_flag(path, flags, *more, **options):
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        return real(path, flags, *more, **options)

    monkeypatch.setattr(os, "open", without_flag)
    spill = SpillFile(tmp_path, part_rows=ROWS, least_free_bytes=0)
    assert_whole(spilled(spill, 1000))
    assert list(tmp_path.iterdir()) == []
    assert stat.S_IMODE(os.fstat(descriptor_of(spill)).st_mode) == 0o600
    spill.close()


def test_a_full_disk_keeps_points_in_memory_until_it_takes_them(tmp_path, caplog):
    with small_disk(tmp_path / "disk", "256k") as disk:
        spill = SpillFile(disk, part_rows=ROWS, least_free_bytes=0)
        series = spilled(spill, 1000)
        moved = os.fstat(descriptor_of(spill)).st_size
        filler = fill(disk)
        with caplog.at_level(logging.WARNING):
            for _ in range(300):
                series = grown(series, 16)
        told = [r.message for r in caplog.records]
        assert len(told) == 1
        assert "points stay in memory (No space left on device)" in told[0]
        assert os.fstat(descriptor_of(spill)).st_size <= moved + 4096
        assert_whole(series)
        filler.unlink()
        for _ in range(20):
            series = grown(series, 16)
        assert os.fstat(descriptor_of(spill)).st_size > 5000 * 8
        assert_whole(series)
        spill.close()


def test_a_write_that_is_cut_short_loses_nothing(spill):
    series = spilled(spill, 1000)
    size = os.fstat(descriptor_of(spill)).st_size
    with file_size_limit(size + PART_BYTES // 2):
        for _ in range(40):
            series = grown(series, 16)
        assert size < os.fstat(descriptor_of(spill)).st_size < size + PART_BYTES
        assert_whole(series)
    for _ in range(40):
        series = grown(series, 16)
    assert os.fstat(descriptor_of(spill)).st_size > size + 10 * PART_BYTES
    assert_whole(series)


def test_the_last_of_a_disk_is_left_to_logs(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        spill = SpillFile(tmp_path, part_rows=ROWS, least_free_bytes=1 << 50)
        series = spilled(spill, 1000)
    assert os.fstat(descriptor_of(spill)).st_size == 0
    assert [r.message for r in caplog.records] == [
        f"{tmp_path}: points stay in memory (less than 1024.0 TiB free); will try again"
    ]
    assert_whole(series)
    spill.close()


def test_without_a_descriptor_points_stay_in_memory(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        spill = SpillFile(tmp_path, part_rows=ROWS, least_free_bytes=0)
        series = spilled(spill, 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert_whole(series)
    # Once there is one, it is used.
    for _ in range(10):
        series = grown(series, 16)
    assert os.fstat(descriptor_of(spill)).st_size > 0
    assert_whole(series)
    spill.close()


@pytest.mark.parametrize("damage", ["zeros", "bit", "short"])
def test_damage_is_told_and_never_taken_for_points(spill, damage):
    series = spilled(spill, 1000)
    with Path(f"/proc/self/fd/{descriptor_of(spill)}").open("r+b") as file:
        if damage == "short":
            file.truncate(5 * PART_BYTES + 7)
        elif damage == "zeros":
            file.seek(4096)
            file.write(bytes(4096))
        else:
            file.seek(5 * PART_BYTES + 100)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 8]))
    with pytest.raises(SpillError, match="points kept on disk are damaged"):
        _ = series.values
    assert series.last_iteration == len(series)


def test_an_error_of_the_disk_is_told_as_such(spill):
    series = spilled(spill, 1000)
    # The kernel answers EIO to whoever reads where a process has no memory.
    broken = os.open("/proc/self/mem", os.O_RDONLY)
    os.dup2(broken, descriptor_of(spill))
    os.close(broken)
    with pytest.raises(SpillError, match=r"can't be read \(Input/output error\)"):
        _ = series.values


def test_what_was_given_back_can_not_be_read(spill):
    series = spilled(spill, 1000)
    spill.close()
    with pytest.raises(SpillError, match="are gone"):
        _ = series.values
