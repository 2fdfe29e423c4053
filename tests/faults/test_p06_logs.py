"""P6: every prefix, every flipped bit and every failed call of a log is survived."""

import contextlib
import errno
import itertools
import os
import random
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.faults.failing_calls import Plan, failing
from tests.samples import EVENTS, POINTS, make_records
from tuitrain.events import EpochEnded, Event, LogOpened, Record, TrialId, encode_record
from tuitrain.store import LogFollower, LogWriter, StoreError

SHORT = make_records(POINTS)
"""A log of one trial, short enough for every byte of it in the size of CI."""
LONG = make_records([POINTS[0], *EVENTS, *EVENTS])
FLIPS = 20_000


@pytest.fixture
def path() -> Iterator[Path]:
    """A log in memory where there is one: it is written by the ten thousand."""
    shared = Path("/dev/shm")
    within = str(shared) if shared.is_dir() else None
    with tempfile.TemporaryDirectory(dir=within) as folder:
        yield Path(folder) / "log.jsonl"


def epoch(number: int) -> EpochEnded:
    return EpochEnded(trial=TrialId("0001"), epoch=number, iteration=10 * number)


def read(path: Path) -> tuple[list[Record], int]:
    """Return all records that are read, and how many are known to be missing."""
    follower, records = LogFollower(path), list[Record]()
    while bite := follower.read():
        records += bite
    return records, follower.damage.missing_records


def cut_everywhere(path: Path, records: list[Record], figure) -> None:
    """Cut a log at every byte, carry it on, and read it."""
    whole = b"".join(map(encode_record, records))
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    lost = wrong = 0
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        writer = LogWriter(path, "0001/points")
        writer.append([epoch(99)])
        writer.close()
        found, _ = read(path)
        # A record that misses its newline only is whole.
        kept = sum(end <= cut + 1 for end in ends)
        opened = [] if kept else [found[0].event]
        expected: list[Event] = [*(r.event for r in records[:kept] or ()), *opened]
        assert all(isinstance(event, LogOpened) for event in opened)
        events = [record.event for record in found]
        lost += sum(event not in events for event in [*expected, epoch(99)])
        wrong += events != [*expected, epoch(99)]
    figure(
        "P6",
        f"whole records lost by cutting a log at each of {len(whole) + 1:,} bytes and "
        "carrying it on",
        lost,
        asked="0",
        is_met=lost == 0,
    )
    assert (lost, wrong) == (0, 0)


def test_a_log_cut_at_any_byte_loses_no_whole_record(path, figure):
    cut_everywhere(path, SHORT, figure)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_long_log_cut_at_any_byte_loses_no_whole_record(path, figure):
    cut_everywhere(path, LONG, figure)


def flip_bits(path: Path, records: list[Record], flips: int, figure) -> None:
    """Flip one bit at a time anywhere in a log, and compare what is read."""
    whole = b"".join(map(encode_record, records))
    chance, worst, wrong = random.Random(6), 0, 0
    path.write_bytes(whole)
    with path.open("r+b") as file:
        descriptor = file.fileno()
        for _ in range(flips):
            place, bit = chance.randrange(len(whole)), chance.randrange(8)
            os.pwrite(descriptor, bytes([whole[place] ^ 1 << bit]), place)
            found, _ = read(path)
            os.pwrite(descriptor, whole[place : place + 1], place)
            wrong += sum(r.seq >= len(records) or r != records[r.seq] for r in found)
            worst = max(worst, len(records) - len(found))
    figure(
        "P6",
        f"records accepted that nobody wrote, in {flips:,} flips of a bit",
        wrong,
        asked="0",
        is_met=wrong == 0,
    )
    figure("P6", "records lost by a flip, at most", worst, "≤ 2", worst <= 2)
    assert wrong == 0
    assert worst <= 2


def test_a_flipped_bit_costs_its_own_record_only(path, figure):
    flip_bits(path, SHORT[:8], FLIPS, figure)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_flipped_bit_costs_its_own_record_only_in_a_long_log(path, figure):
    flip_bits(path, LONG, 10 * FLIPS, figure)


def live_through(path: Path, plan: Plan, *, offers_again: bool) -> list[Event]:
    """Write a log, close it and carry it on, while calls fail; return what was acked.

    Args:
        path: Of the log.
        plan: Which calls fail.
        offers_again: Whether what was not acknowledged is offered again; else it is
            given up, as a sender does whose queue is full.
    """
    acked, number = list[Event](), 0
    for _ in range(2):
        with failing(plan):
            writer = open_again(path, plan)
            for _ in range(4):
                number += 1
                batch = [epoch(number + 100 * part) for part in range(3)]
                for _ in range(plan.count + 1 if offers_again else 1):
                    try:
                        writer.append(batch)
                    except StoreError:
                        continue
                    acked += batch
                    break
                with contextlib.suppress(StoreError):
                    writer.sync()  # fails: not on the disk yet, but in the file
            writer.close()
    return acked


def open_again(path: Path, plan: Plan) -> LogWriter:
    for _ in range(plan.count):
        try:
            return LogWriter(path, "0001/points")
        except StoreError:
            continue
    return LogWriter(path, "0001/points")


KINDS: dict[str, dict[str, Any]] = {
    "EIO": {"number": errno.EIO},
    "ENOSPC": {"number": errno.ENOSPC},
    "a short write": {"number": errno.ENOSPC, "is_short": True},
}


@pytest.mark.parametrize("kind", KINDS)
def test_any_call_may_fail_and_what_was_acknowledged_stays(path, kind, figure):
    descriptors, lives, lost = len(os.listdir("/proc/self/fd")), 0, 0
    for count, offers_again in product([1, 2, 3, 5], [True, False]):
        for first in itertools.count(1):
            plan = Plan(first, count, **KINDS[kind])
            path.unlink(missing_ok=True)
            acked = live_through(path, plan, offers_again=offers_again)
            if not plan.failed:
                break
            lives += 1
            lost += count_lost(path, acked, is_gapless=offers_again)
    assert lives > 100, "that was no life of a log"
    assert len(os.listdir("/proc/self/fd")) == descriptors
    figure(
        "P6",
        f"acknowledged records lost in {lives} lives of a log in which 1, 2, 3 or 5 "
        f"calls in a row end in {kind}, from every nth one on",
        lost,
        asked="0",
        is_met=lost == 0,
    )
    assert lost == 0


def count_lost(path: Path, acked: list[Event], *, is_gapless: bool) -> int:
    """Return how many of `acked` are not read; none may be read twice."""
    found, missing = read(path)
    events = [r.event for r in found if not isinstance(r.event, LogOpened)]
    numbers = [event.epoch for event in events if isinstance(event, EpochEnded)]
    assert len(numbers) == len(set(numbers))
    if is_gapless:
        assert [record.seq for record in found] == list(range(len(found)))
        assert missing == 0
    return sum(event not in events for event in acked)
