"""The first picture of a log, before the screen is loaded."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tuitrain.events import PointsMeasured, TrialId, to_column
from tuitrain.model import EMPTY_SERIES, Series
from tuitrain.store import LogWriter
from tuitrain.tui.glance import compose_glance, look_at
from tuitrain.tui.lens import GlyphSet

LOGS = Path(__file__).parents[1] / "logs"


def series_of(values: list[float]) -> Series:
    return EMPTY_SERIES.append(np.arange(1, len(values) + 1), np.array(values))


def test_it_loads_nothing_of_the_screen() -> None:
    code = (
        "import sys; import tuitrain.tui.glance; "
        "print({'textual', 'rich', 'plotext', 'torch', 'asyncio'} & set(sys.modules))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "set()"


def test_a_falling_curve_falls() -> None:
    rows = compose_glance(
        [series_of([3.0 - n / 50 for n in range(100)])], 60, 20, GlyphSet.BLOCK
    )
    drawn = [row[9:] for row in rows[1:-2]]
    left = [y for y, row in enumerate(drawn) if row[:5].strip()]
    right = [y for y, row in enumerate(drawn) if row[-6:].strip()]
    assert max(left) < min(right)
    assert rows[1].startswith("       3┤")
    assert rows[-1].split() == ["0", "25", "50", "75", "100"]


@pytest.mark.parametrize("glyphs", list(GlyphSet))
@pytest.mark.parametrize(("width", "height"), [(24, 8), (80, 24), (300, 100)])
def test_it_fits_the_terminal(glyphs: GlyphSet, width: int, height: int) -> None:
    curves = [series_of([1e308, float("nan"), -1e308, 0.0] * 9), series_of([2.0])]
    rows = compose_glance(curves, width, height, glyphs)
    assert len(rows) == height
    # The last column stays free, so that no terminal moves on to the next line.
    assert max(map(len, rows)) < width
    if glyphs is GlyphSet.ASCII:
        assert "".join(rows).isascii()


@pytest.mark.parametrize(
    "curves", [[], [EMPTY_SERIES], [series_of([float("nan"), float("inf")])]]
)
def test_nothing_is_drawn_of_nothing(curves: list[Series]) -> None:
    assert compose_glance(curves, 80, 24, GlyphSet.BRAILLE) == []


def test_nothing_is_drawn_where_there_is_no_room() -> None:
    assert compose_glance([series_of([1.0, 2.0])], 23, 24, GlyphSet.BRAILLE) == []
    assert compose_glance([series_of([1.0, 2.0])], 80, 7, GlyphSet.BRAILLE) == []


def test_every_point_of_a_short_log_is_seen() -> None:
    (series,) = look_at(LOGS / "own_loop")
    (same,) = look_at(LOGS / "own_loop" / "points.jsonl")
    lines = (LOGS / "own_loop" / "points.jsonl").read_bytes().count(b"PointsMeasured")
    assert lines > 0
    assert len(series) == len(same) >= lines


def test_the_trials_of_a_study_lie_over_each_other() -> None:
    curves = look_at(LOGS / "digits_cnn")
    assert len(curves) > 1
    assert len(look_at(LOGS / "digits_cnn" / "journal.jsonl")) == len(curves)


def test_a_long_log_is_seen_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "points.jsonl", "0001/points")
    for first in range(1, 400_000, 100):
        iterations = list(range(first, first + 100))
        values = {"loss": to_column(1.0 / np.array(iterations))}
        points = PointsMeasured(
            trial=TrialId("0001"), iteration=iterations, values=values
        )
        log.append([points])
    log.close()
    (series,) = look_at(tmp_path)
    assert series.first_iteration == 1
    assert series.last_iteration == 400_000
    # A look, not a reading: how much is read does not grow with the log.
    assert 1_000 < len(series) < 100_000
    assert np.diff(series.iterations).max() < 400_000 / 20


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 5000, b'{"seq":0}\n', os.urandom(3000), b"\n" * 9]
)
def test_what_is_no_log_is_left_to_those_who_say_so(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "points.jsonl").write_bytes(content)
    assert look_at(tmp_path) == []
    assert look_at(tmp_path / "missing") == []


@pytest.mark.parametrize("iteration", [-5, 0, 2**62, 2**63, 2**70])
def test_iterations_may_be_anything(tmp_path: Path, iteration: int) -> None:
    log = LogWriter(tmp_path / "points.jsonl", "0001/points")
    points = PointsMeasured(
        trial=TrialId("0001"),
        iteration=[iteration, iteration + 1],
        values={"loss": [1e308, "nan"]},
    )
    log.append([points])
    log.close()
    rows = compose_glance(look_at(tmp_path), 80, 24, GlyphSet.BRAILLE)
    assert len(rows) in (0, 24)
