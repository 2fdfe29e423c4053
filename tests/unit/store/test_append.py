"""Appending to a log: nothing torn stays, nothing whole is lost."""

import os
import resource
from contextlib import contextmanager

import pytest

from tests.samples import POINTS, TRIAL, make_records
from tuitrain.events import EpochEnded, LogOpened, PointsMeasured, encode_record
from tuitrain.store import LogFollower, LogWriter, StoreError
from tuitrain.units import Seconds


class PlayedClock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.off_s = 0.0

    def wall_s(self) -> Seconds:
        return Seconds(self.now_s + self.off_s)

    def mono_s(self) -> Seconds:
        return Seconds(self.now_s - 90)


def _epoch(number: int) -> EpochEnded:
    return EpochEnded(trial=TRIAL, epoch=number, iteration=10 * number)


def _read(path):
    follower = LogFollower(path)
    records = []
    while bite := follower.read():
        records += bite
    return records, follower.damage


@contextmanager
def _largest_file(size: int):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_new_log_opens_with_its_format_and_stream(tmp_path):
    LogWriter(tmp_path / "log.jsonl", "0001/points").close()
    records, _ = _read(tmp_path / "log.jsonl")
    assert isinstance(records[0].event, LogOpened)
    assert records[0].event.format == "tuitrain-log/1"
    assert records[0].event.stream == "0001/points"


def test_a_batch_is_numbered_and_stamped_once(tmp_path):
    clock = PlayedClock()
    writer = LogWriter(tmp_path / "log.jsonl", "x", clock)
    clock.now_s = 200.0
    lines = writer.append([_epoch(1), _epoch(2)])
    writer.close()
    records, _ = _read(tmp_path / "log.jsonl")
    assert [r.seq for r in records] == [0, 1, 2]
    assert [r.at_s for r in records] == [100.0, 200.0, 200.0]
    assert records[2].mono_s == 110.0
    assert (tmp_path / "log.jsonl").read_bytes().endswith(b"".join(lines))


def test_times_go_on_where_the_wall_clock_is_set_and_it_is_kept_beside(tmp_path):
    clock = PlayedClock()
    path, booted_at_s = tmp_path / "log.jsonl", Seconds(90)
    writer = LogWriter(path, "x", clock, booted_at_s=booted_at_s)
    clock.now_s, clock.off_s = 101.0, 86400.0
    writer.append([_epoch(1)])
    clock.now_s, clock.off_s = 102.0, -3600.0
    # Whoever carries the log on is told the same.
    LogWriter(path, "x", clock, booted_at_s=booted_at_s).append([_epoch(2)])
    clock.now_s, clock.off_s = 103.0, 0.5
    writer = LogWriter(path, "x", clock, booted_at_s=booted_at_s)
    writer.append([_epoch(3)])
    records, _ = _read(path)
    assert [r.at_s for r in records] == [100.0, 101.0, 102.0, 103.0]
    assert [r.wall_s for r in records] == [None, 86501.0, -3498.0, None]


def test_a_log_is_private_to_its_owner(tmp_path):
    LogWriter(tmp_path / "log.jsonl", "x").close()
    assert os.stat(tmp_path / "log.jsonl").st_mode & 0o077 == 0


def test_a_reopened_log_is_carried_on_without_a_second_first_line(tmp_path):
    path = tmp_path / "log.jsonl"
    for number in (1, 2):
        writer = LogWriter(path, "x")
        writer.append([_epoch(number)])
        writer.close()
    records, damage = _read(path)
    assert [r.seq for r in records] == [0, 1, 2]
    assert damage.bad_lines == damage.missing_records == 0


def test_a_tail_torn_at_any_byte_costs_itself_only(tmp_path):
    path = tmp_path / "log.jsonl"
    whole = b"".join(encode_record(r) for r in make_records(POINTS))
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(1, len(whole) + 1):
        path.write_bytes(whole[:cut])
        writer = LogWriter(path, "x")
        writer.append([_epoch(99)])
        writer.close()
        records, damage = _read(path)
        # A record that misses its newline only is whole too.
        kept = sum(end <= cut + 1 for end in ends)
        expected = list(POINTS[:kept]) or [records[0].event]
        assert [r.event for r in records] == [*expected, _epoch(99)]
        assert damage.missing_records == 0
        assert damage.bad_lines == (0 if cut in ends or cut + 1 in ends else 1)


def test_a_damaged_line_in_the_middle_costs_itself_only(tmp_path):
    path = tmp_path / "log.jsonl"
    lines = [encode_record(r) for r in make_records(POINTS)]
    lines[2] = lines[2].replace(b"2.5", b"2.6", 1)
    path.write_bytes(b"".join(lines))
    records, damage = _read(path)
    assert [r.seq for r in records] == [n for n in range(len(POINTS)) if n != 2]
    assert (damage.bad_lines, damage.missing_records) == (1, 1)


def test_a_long_damaged_tail_does_not_hide_the_last_whole_record(tmp_path):
    path = tmp_path / "log.jsonl"
    whole = b"".join(encode_record(r) for r in make_records(POINTS))
    path.write_bytes(whole + b"\0" * 200_000)
    writer = LogWriter(path, "x")
    writer.append([_epoch(9)])
    writer.close()
    records, damage = _read(path)
    assert [r.seq for r in records] == list(range(len(POINTS) + 1))
    assert damage.bad_lines == 1


def test_a_short_write_is_cut_back_and_can_be_offered_again(tmp_path):
    path = tmp_path / "log.jsonl"
    writer = LogWriter(path, "x")
    before = path.read_bytes()
    batch = PointsMeasured(
        trial=TRIAL, iteration=list(range(500)), values={"loss": [0.5] * 500}
    )
    with _largest_file(len(before) + 100):
        with pytest.raises(StoreError, match="no space left"):
            writer.append([batch])
        assert path.read_bytes() == before
    with _largest_file(len(before)), pytest.raises(StoreError, match="too large"):
        writer.append([batch])
    writer.append([batch])
    writer.close()
    records, damage = _read(path)
    assert [r.seq for r in records] == [0, 1]
    assert damage.bad_lines == 0


def test_a_log_that_cannot_be_opened_is_a_clear_error(tmp_path):
    with pytest.raises(StoreError, match=r"nowhere/log.jsonl: can't be opened"):
        LogWriter(tmp_path / "nowhere" / "log.jsonl", "x")


def test_closing_twice_does_nothing(tmp_path):
    writer = LogWriter(tmp_path / "log.jsonl", "x")
    writer.sync()
    writer.close()
    writer.close()
