"""P5, in this process: nothing escapes a decoder, a reader or an importer.

A fast seeded mutator does the bulk. Whatever escapes is kept in `tests/faults/found`
(a file is an input, its folder the room), and eaten again by every later run; hypothesis
mutates by plans that it can shrink, and keeps failing ones in its own database.
"""

import hashlib
import os
import random
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.faults.fuzzed_rooms import ROOMS
from tests.faults.fuzzing import TOKENS, Eaten, Room, feed, fuzz, mutate_bytes

FOUND = Path(__file__).with_name("found")
SEED = int(os.environ.get("TUITRAIN_FUZZ_SEED", "5"))
"""Another one gives other inputs."""
BY_NAME = {room.name: room for room in ROOMS}
LONG_TIMES = 5
"""The long size: 1,000,000 inputs."""

names = pytest.mark.parametrize("name", BY_NAME)


def keep(room: Room, eaten: Eaten) -> list[str]:
    """Keep what escaped, once for each kind, and return a line on each."""
    told: dict[str, str] = {}
    for content, error in eaten.escaped:
        kind = f"{room.name}: {type(error).__name__}: {str(error)[:200]}"
        if kind not in told:
            told[kind] = f"{kind}\n    from {content[:200]!r}"
            folder = FOUND / room.name.replace(" ", "_")
            folder.mkdir(parents=True, exist_ok=True)
            name = hashlib.sha256(content).hexdigest()[:16]
            (folder / name).write_bytes(content)
    return list(told.values())


def fuzz_all(figure, times: int, seed: int) -> None:
    """Fuzz every room, and tell what came of it."""
    began_s = time.monotonic()
    escaped, lines, inputs, refused = 0, list[str](), 0, 0
    for room in ROOMS:
        eaten = fuzz(room, room.share * times, seed)
        lines += keep(room, eaten)
        escaped += len(eaten.escaped)
        inputs += room.share * times
        refused += eaten.refused
        # A mutator that ruins everything, or nothing, tests nothing.
        assert eaten.refused + eaten.taken + len(eaten.escaped) == room.share * times
        assert eaten.refused > 0 or not room.own
        assert eaten.taken > 0
    took_s = time.monotonic() - began_s
    figure(
        "P5",
        f"mutated inputs that escape {len(ROOMS)} readers ({inputs:,} inputs, "
        f"{refused:,} refused, {took_s:.0f} s)",
        escaped,
        asked="0",
        is_met=escaped == 0,
    )
    assert not lines, "\n".join(lines)


def test_nothing_escapes_a_reader(figure):
    assert sum(room.share for room in ROOMS) == 200_000
    fuzz_all(figure, 1, SEED)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_nothing_escapes_a_reader_in_a_million_inputs(figure):
    fuzz_all(figure, LONG_TIMES, SEED + 1)


@names
def test_what_once_escaped_no_longer_does(name):
    room, eaten = BY_NAME[name], Eaten()
    for path in sorted((FOUND / name.replace(" ", "_")).glob("*")):
        feed(room, path.read_bytes(), eaten)
    assert [repr(error)[:200] for _, error in eaten.escaped] == []


@st.composite
def plans(draw: st.DrawFn) -> tuple[int, int, list[bytes]]:
    """Which mutation to begin with, and what to put behind it."""
    tokens = draw(st.lists(st.sampled_from(TOKENS) | st.binary(max_size=8), max_size=4))
    return draw(st.integers(0, 1 << 32)), draw(st.integers(0, 400)), tokens


@names
@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(plans())
@example((0, 0, [b"[" * 100_000]))
@example((0, 1, [b'{"a":' * 100_000]))
@example((0, 0, []))
def test_nothing_escapes_a_reader_by_plan(name, plan):
    room = BY_NAME[name]
    seed, place, tokens = plan
    chance, eaten = random.Random(seed), Eaten()
    content = (room.mutate or mutate_bytes)(chance, room.samples)
    feed(room, content[:place] + b"".join(tokens) + content[place:], eaten)
    assert [repr(error)[:200] for _, error in eaten.escaped] == []
