"""P14: a log of any version opens, byte for byte what it was, and tells the same.

`golden/` keeps what `tuitrain replay --headless` printed of each log when it was new.
What is printed may be changed on purpose: `TUITRAIN_GOLDEN=write` keeps the new text,
and the change of the file shows what it was.
"""

import io
import os
from pathlib import Path

import pytest

from tuitrain.events import FORMAT_VERSION, decode_record, encode_record
from tuitrain.headless import Look, Printer, diagnose_headless, replay_headless
from tuitrain.store import LogFollower

LOGS = Path(__file__).parents[1] / "logs"
GOLDEN = Path(__file__).with_name("golden")
LOOK = Look(columns=120, lines=36, ascii_only=False, has_colour=False)
STUDIES = [f"version_{n}" for n in range(1, FORMAT_VERSION + 1)] + [
    "digits_short",
    "own_loop",
]


@pytest.mark.parametrize("name", STUDIES)
def test_every_line_is_read_and_written_as_it_stands(name, figure):
    lines = 0
    paths = sorted((LOGS / name).rglob("*.jsonl"))
    assert paths
    for path in paths:
        follower, read = LogFollower(path), bytearray()
        while bite := follower.read_lines():
            for line, record in bite:
                read += line
                assert decode_record(encode_record(record)) == record
                lines += 1
        assert bytes(read) == path.read_bytes()
    figure("P14", f"lines of {name} read byte for byte", lines, "all", is_met=True)


@pytest.mark.parametrize("name", STUDIES)
def test_a_replay_prints_what_it_printed_when_the_log_was_new(
    name, figure, monkeypatch
):
    monkeypatch.chdir(LOGS)
    written = io.BytesIO()
    printer = Printer(io.TextIOWrapper(written, encoding="utf-8"), LOOK)
    replay_headless(Path(name), printer, as_json=False)
    diagnose_headless(Path(name), printer, as_json=False)
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("TUITRAIN_GOLDEN") == "write":
        golden.write_bytes(written.getvalue())
    assert written.getvalue() == golden.read_bytes()
    what = f"replay of {name}, {len(written.getvalue()):,} bytes"
    figure("P14", what, "identical", "identical", is_met=True)
