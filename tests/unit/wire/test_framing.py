import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuitrain.commands import GoToStep, RunStep
from tuitrain.events import Step
from tuitrain.wire import (
    Answered,
    Asked,
    FrameError,
    Hello,
    LineFramer,
    Refused,
    Welcome,
    decode_message,
    encode_message,
)


def test_a_line_comes_out_when_its_newline_came_in():
    framer = LineFramer(100)
    assert framer.feed(b'{"seq":1') == []
    assert framer.feed(b"}\n") == [b'{"seq":1}\n']


@given(st.lists(st.binary(max_size=40)), st.lists(st.integers(0, 400)))
def test_how_a_stream_is_cut_makes_no_difference(parts, cuts):
    lines = [part.replace(b"\n", b"") + b"\n" for part in parts]
    stream = b"".join(lines)
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    framer = LineFramer(100)
    found = []
    for start, end in itertools.pairwise(places):
        found += framer.feed(stream[start:end])
    assert found == lines


@pytest.mark.parametrize("block", [b"x" * 11, b"x" * 10 + b"\n", b"a\n" + b"x" * 11])
def test_a_line_over_the_limit_is_refused_ended_or_not(block):
    with pytest.raises(FrameError, match="longer than 10 bytes"):
        LineFramer(10).feed(block)


def test_a_long_line_in_small_pieces_is_refused_too():
    framer = LineFramer(10)
    framer.feed(b"x" * 6)
    with pytest.raises(FrameError):
        framer.feed(b"x" * 6)


@pytest.mark.parametrize(
    "message",
    [
        Hello(version=1, role="trial", study="s", trial=None),
        Welcome(version=1, study="s", pid=3),
        Refused(reason="no"),
        Asked(id=1, command=RunStep()),
        Asked(id=2, command=GoToStep(step=Step.FIND_LR)),
        Answered(id=2, accepted=False, message="why not"),
    ],
)
def test_a_message_survives_its_line(message):
    line = encode_message(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode_message(line) == message


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"null",
        b"[]",
        b"junk",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"type":"Nobody"}',
        b'{"type":"Hello","version":"1","role":"client","study":"s"}',
        b'{"type":"Hello","version":1,"role":"root","study":"s"}',
        b'{"type":"Hello","version":1,"role":"client","study":"s","more":1}',
        b'{"type":"Asked","id":1,"command":{"type":"Nothing"}}',
        b'{"type":"Refused","reason":"a"} {"type":"Refused","reason":"b"}',
        b'{"type":"Refused","reason":"\\ud800"}',
    ],
)
def test_what_is_no_message_is_refused_and_raises_nothing_else(line):
    with pytest.raises(FrameError):
        decode_message(line)


@given(st.binary(max_size=200))
def test_no_bytes_at_all_raise_anything_else(line):
    try:
        decode_message(line)
    except FrameError:
        return
