"""The one encoding of events: nothing is lost, nothing damaged is taken."""

import math
from typing import get_args

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.samples import EVENTS, POINTS, make_records
from tuitrain.events import (
    BestAccepted,
    Event,
    LossFacts,
    MalformedRecordError,
    PointsMeasured,
    Record,
    Step,
    StudyEnded,
    TaskDescribed,
    TrialId,
    Verdict,
    VerdictReached,
    decode_record,
    encode_record,
    to_column,
    to_numbers,
)
from tuitrain.units import Seconds

RECORDS = make_records(EVENTS)


def _name(record: Record) -> str:
    return f"{record.seq}-{type(record.event).__name__}"


def _record(event: Event) -> Record:
    return Record(seq=3, at_s=Seconds(1.5), mono_s=Seconds(2.5), event=event)


def _again(event: Event) -> Event:
    return decode_record(encode_record(_record(event))).event


def _verdict(**evidence: object) -> VerdictReached:
    return VerdictReached(
        step=Step.FIND_LR,
        round=1,
        attempt=1,
        verdict=Verdict.FAIL,
        summary="",
        evidence=evidence,  # type: ignore[arg-type]
    )


def test_there_is_a_sample_of_every_event():
    assert {type(event) for event in EVENTS} == set(get_args(Event))


@pytest.mark.parametrize("record", RECORDS, ids=_name)
def test_every_event_comes_back_as_it_was(record):
    assert decode_record(encode_record(record)) == record


@pytest.mark.parametrize("record", RECORDS, ids=_name)
def test_a_line_is_one_json_object_with_the_crc_last(record):
    line = encode_record(record)
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    keys = list(msgspec.json.decode(line))
    assert keys == ["seq", "at_s", "mono_s", "event", "crc"]


@pytest.mark.parametrize("record", RECORDS, ids=_name)
def test_no_prefix_of_a_line_is_taken_for_a_record(record):
    line = encode_record(record)
    for end in range(len(line) - 1):
        with pytest.raises(MalformedRecordError):
            decode_record(line[:end])


@pytest.mark.parametrize("iteration", [2**63, -(2**63) - 1, 2**70, 10**400])
def test_an_iteration_beyond_64_bits_is_no_record(iteration):
    # What folds it would fail otherwise, a supervisor among others.
    event = PointsMeasured(
        trial=TrialId("0001"), iteration=[1, iteration], values={"loss": [1.0, 2.0]}
    )
    line = encode_record(Record(seq=0, at_s=Seconds(1), mono_s=Seconds(1), event=event))
    with pytest.raises(MalformedRecordError):
        decode_record(line)


def test_a_line_that_only_misses_its_newline_is_whole():
    line = encode_record(RECORDS[1])
    assert decode_record(line[:-1]) == RECORDS[1]


def test_no_flipped_bit_goes_unseen():
    line = encode_record(make_records(POINTS)[2])
    for position in range(len(line)):
        for bit in range(8):
            flipped = bytearray(line)
            flipped[position] ^= 1 << bit
            with pytest.raises(MalformedRecordError):
                decode_record(bytes(flipped))


@given(st.binary(max_size=200))
def test_junk_is_refused_and_never_raises_anything_else(junk):
    with pytest.raises(MalformedRecordError):
        decode_record(junk)


@given(st.lists(st.floats(), max_size=20))
def test_a_column_keeps_every_number_non_finite_ones_included(numbers):
    event = PointsMeasured(
        trial=TrialId("0001"),
        iteration=list(range(len(numbers))),
        values={"loss": to_column(numbers)},
    )
    again = _again(event)
    assert isinstance(again, PointsMeasured)
    np.testing.assert_array_equal(
        to_numbers(again.values["loss"]), np.array(numbers, dtype=np.float64)
    )


def test_non_finite_evidence_is_kept_as_a_word():
    again = _again(_verdict(loss=math.nan, worst=[1.0, -math.inf], unknown=None))
    assert isinstance(again, VerdictReached)
    assert again.evidence == {"loss": "nan", "worst": [1.0, "-inf"], "unknown": None}


def test_numpy_scalars_are_written_as_plain_numbers():
    again = _again(_verdict(a=np.float64(0.5), b=np.int64(3), c=np.bool_(True)))
    assert isinstance(again, VerdictReached)
    assert again.evidence == {"a": 0.5, "b": 3, "c": True}


def test_a_non_finite_number_where_no_word_fits_becomes_none():
    loss = LossFacts(name="x", priors=[0.5, math.nan], target_mean=math.inf)
    again = _again(
        TaskDescribed(trial=TrialId("0001"), loss=loss, parameters=1, layers=[])
    )
    assert isinstance(again, TaskDescribed)
    assert again.loss == LossFacts(name="x")
    best = BestAccepted(
        trial=TrialId("0001"), config={}, metrics={"a": math.nan}, checkpoint=None
    )
    again = _again(best)
    assert isinstance(again, BestAccepted)
    assert again.metrics == {"a": None}


def test_text_that_utf8_cannot_hold_is_written_as_an_escape():
    again = _again(StudyEnded(state="rejected", message="bad name \udcff"))
    assert isinstance(again, StudyEnded)
    assert again.message == "bad name \\udcff"


def test_what_no_line_can_hold_is_refused_when_written():
    best = BestAccepted(
        trial=TrialId("0001"),
        config={"lr": math.inf},
        metrics={"a": math.nan},
        checkpoint=None,
    )
    with pytest.raises(MalformedRecordError, match="BestAccepted can't be written"):
        encode_record(_record(best))
