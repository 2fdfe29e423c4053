"""Reading a log while it grows, from the file and from the socket."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.samples import POINTS, TRIAL, make_records
from tuitrain.events import (
    EpochEnded,
    Event,
    LogOpened,
    LogVersionError,
    PointsMeasured,
    encode_record,
)
from tuitrain.store import LogFollower, LogWriter, StoreError, read_last

RECORDS = make_records(
    [*POINTS, *(EpochEnded(trial=TRIAL, epoch=n, iteration=n) for n in range(2, 40))]
)
LINES = [encode_record(record) for record in RECORDS]
WHOLE = b"".join(LINES)


def _read_all(follower, max_bytes=1 << 20):
    records = []
    while bite := follower.read(max_bytes):
        records += bite
    return records


def test_a_log_that_does_not_exist_yet_is_empty(tmp_path):
    follower = LogFollower(tmp_path / "log.jsonl")
    assert follower.read() == []
    assert not follower.has_more()


def test_a_torn_tail_is_read_when_it_is_whole(tmp_path):
    path = tmp_path / "log.jsonl"
    follower = LogFollower(path)
    path.write_bytes(WHOLE[:-20])
    assert _read_all(follower) == RECORDS[:-1]
    assert follower.has_more()
    path.write_bytes(WHOLE)
    assert follower.read() == RECORDS[-1:]
    assert not follower.has_more()


def test_a_line_longer_than_a_bite_is_read_whole(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_bytes(WHOLE)
    assert _read_all(LogFollower(path), max_bytes=7) == RECORDS


def test_an_offered_line_in_sequence_is_taken_once(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_bytes(LINES[0] + LINES[1])
    follower = LogFollower(path)
    assert follower.offer(LINES[0]) == RECORDS[0]
    assert follower.offer(LINES[0]) is None
    assert follower.offer(LINES[1]) == RECORDS[1]
    assert follower.read() == []


def test_an_offered_line_after_a_gap_waits_for_the_file(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"".join(LINES[:4]))
    follower = LogFollower(path)
    assert follower.offer(LINES[3]) is None
    assert follower.read() == RECORDS[:4]
    assert follower.offer(LINES[3]) is None


def test_a_damaged_offer_is_not_taken(tmp_path):
    follower = LogFollower(tmp_path / "log.jsonl")
    assert follower.offer(LINES[0][:-9]) is None
    assert follower.offer(b"\n") is None


@given(
    cuts=st.lists(st.integers(0, len(WHOLE)), max_size=8),
    bites=st.lists(st.integers(1, 4000), min_size=1, max_size=4),
    offers=st.lists(st.integers(0, len(LINES) - 1), max_size=60),
)
def test_any_split_of_the_file_and_any_offers_give_the_same_records(
    tmp_path_factory, cuts, bites, offers
):
    path = tmp_path_factory.mktemp("law") / "log.jsonl"
    follower = LogFollower(path)
    ends = [len(b"".join(LINES[: n + 1])) for n in range(len(LINES))]
    seen = []
    waiting = list(offers)
    for size in [*sorted(cuts), len(WHOLE)]:
        path.write_bytes(WHOLE[:size])
        # A writer offers only what it has written.
        while waiting and ends[waiting[0]] <= size:
            taken = follower.offer(LINES[waiting.pop(0)])
            seen += [taken] if taken else []
        for bite in bites:
            seen += follower.read(bite)
    seen += _read_all(follower)
    assert seen == RECORDS
    assert follower.damage.bad_lines == follower.damage.missing_records == 0


@given(data=st.data())
def test_lines_damaged_anywhere_cost_themselves_only(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("law") / "log.jsonl"
    bad = data.draw(st.sets(st.integers(0, len(LINES) - 2), max_size=5))
    lines = [b"#" + ln[1:] if n in bad else ln for n, ln in enumerate(LINES)]
    path.write_bytes(b"".join(lines))
    follower = LogFollower(path)
    expected = [record for record in RECORDS if record.seq not in bad]
    assert _read_all(follower) == expected
    assert follower.damage.bad_lines == len(bad)
    assert follower.damage.missing_records == len(bad)


def test_a_damaged_first_line_costs_itself_only(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\0\0\0\n" + b"".join(LINES[1:]))
    assert _read_all(LogFollower(path)) == RECORDS[1:]


@pytest.mark.parametrize(
    "content",
    [b"hello\n", b'{"loss": 0.5}\n{"loss": 0.4}\n', b"\xff\xfe\x00\n", b"1\n"],
)
def test_a_file_without_one_whole_record_is_no_log(tmp_path, content):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(content)
    follower = LogFollower(path)
    for _ in range(2):
        with pytest.raises(StoreError, match="is not a tuitrain log"):
            follower.read()


def _opening(format_: str) -> bytes:
    event: Event = LogOpened(format=format_, stream="x", tuitrain="9.0.0")
    return encode_record(make_records([event])[0])


@pytest.mark.parametrize(
    "line",
    [_opening("tuitrain-log/7"), b'{"n":0,"event":{"format":"tuitrain-log/7"}}\n'],
    ids=["same encoding", "other encoding"],
)
def test_a_log_of_a_newer_version_is_refused_by_its_first_line(tmp_path, line):
    path = tmp_path / "log.jsonl"
    path.write_bytes(line + LINES[1])
    with pytest.raises(LogVersionError, match=r"version 7 is newer .*upgrade"):
        LogFollower(path).read()


def test_a_log_of_another_program_in_our_encoding_is_refused(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_bytes(_opening("othertrain-log/1"))
    with pytest.raises(StoreError, match="is not a tuitrain log"):
        LogFollower(path).read()


def test_a_folder_in_the_place_of_a_log_is_a_clear_error(tmp_path):
    with pytest.raises(StoreError, match="can't be read"):
        LogFollower(tmp_path).read()


def test_what_was_there_can_be_left_out(tmp_path):
    path = tmp_path / "log.jsonl"
    writer = LogWriter(path, "gpus")
    writer.append([EpochEnded(trial=TRIAL, epoch=n, iteration=n) for n in (1, 2)])
    with path.open("ab") as file:
        file.write(b'{"torn":')
    follower = LogFollower(path)
    follower.skip()
    assert follower.read() == []
    writer.close()
    again = LogWriter(path, "gpus")
    again.append([EpochEnded(trial=TRIAL, epoch=3, iteration=3)])
    assert [record.seq for record in follower.read()] == [3]
    assert follower.damage.missing_records == 0


def test_leaving_out_what_is_not_there_leaves_nothing_out(tmp_path):
    path = tmp_path / "log.jsonl"
    follower = LogFollower(path)
    follower.skip()
    LogWriter(path, "gpus")
    assert [record.seq for record in follower.read()] == [0]


def test_the_last_record_is_found_behind_a_torn_tail_and_long_lines(tmp_path):
    path = tmp_path / "log.jsonl"
    assert read_last(path) is None
    writer = LogWriter(path, "points")
    rows = list(range(20_000))
    long = PointsMeasured(
        trial=TRIAL, iteration=rows, values={"loss": [0.125] * 20_000}
    )
    writer.append([long])
    with path.open("ab") as file:
        file.write(b"x" * 100_000)
    found = read_last(path)
    assert found is not None
    assert (found.seq, found.event) == (1, long)
