"""A first picture of a log, on the terminal before the screen is loaded.

Textual takes most of a second to load, numpy and some lines of a log a fifth of that.
Nothing here may load what the screen needs.
"""

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Final, NoReturn

import numpy as np

from tuitrain.events import PointsMeasured, Values, to_iterations, to_numbers
from tuitrain.model import EMPTY_SERIES, Series
from tuitrain.store import StoreError, StudyFolder, sample
from tuitrain.tui.curves.axis import Axis, count_axis, linear_axis
from tuitrain.tui.curves.raster import RESOLUTIONS, Canvas, strokes
from tuitrain.tui.glyphs import is_ascii_only, to_ascii
from tuitrain.tui.lens import GlyphSet

ENTER: Final = "\x1b[?1049h\x1b[?25l\x1b[H"
LEAVE: Final = "\x1b[?25h\x1b[?1049l"
BLOCKS: Final = 128
"""Places of logs that are looked at, 1 MiB in all."""
MOST_LOGS: Final = 8
"""Of a study, the newest trials."""

_LEAST_WIDTH, _LEAST_HEIGHT = 24, 8
_LABEL_WIDTH: Final = 8
_ROWS_BESIDE: Final = 3
"""The header, the line below the curves and its numbers."""


class Glance:
    """Shows a log until the screen takes over, or what was there before.

    What ends this process meanwhile leaves the terminal as it was.
    """

    def __init__(self) -> None:
        """Show nothing yet."""
        self._is_shown = False

    def __enter__(self) -> "Glance":
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the terminal, unless the screen has it."""
        self.leave()

    def show(self, path: Path) -> None:
        """Draw the losses of a study, a trial or a log, if there are any.

        A first look tells of no problem: the screen reads all of it, and will.
        """
        file = sys.__stderr__
        if file is None or not file.isatty():
            return
        size = os.get_terminal_size(file.fileno())
        glyphs = GlyphSet.ASCII if is_ascii_only() else GlyphSet.BRAILLE
        rows = compose_glance(look_at(path), size.columns, size.lines, glyphs)
        if rows:
            for number in (signal.SIGTERM, signal.SIGHUP):
                if signal.getsignal(number) is signal.SIG_DFL:
                    signal.signal(number, _end)
            self._is_shown = True
            _write(ENTER + "\r\n".join(rows))

    def leave(self) -> None:
        """Show what was there before, if this is shown."""
        if self.hand_over():
            _write(LEAVE)

    def hand_over(self) -> bool:
        """Let the screen take over; return whether the terminal shows this."""
        was_shown, self._is_shown = self._is_shown, False
        return was_shown


def look_at(path: Path) -> list[Series]:
    """Return some points of each loss in a study, a trial folder or a log."""
    try:
        logs = _find_logs(path)
    except (StoreError, OSError):
        return []
    found = (_read_loss(log, BLOCKS // len(logs)) for log in logs)
    return [series for series in found if len(series)]


def compose_glance(
    curves: Sequence[Series], width: int, height: int, glyphs: GlyphSet
) -> list[str]:
    """Return the rows of a picture of curves; none: there is nothing to draw.

    Args:
        curves: One a trial.
        width: Cells across.
        height: Rows.
        glyphs: What dots are made of.
    """
    reach = max((series.last_iteration or 0 for series in curves), default=0)
    if not curves or width < _LEAST_WIDTH or height < _LEAST_HEIGHT:
        return []
    # The last column stays free: terminals disagree on what follows it.
    canvas = Canvas(
        width - _LABEL_WIDTH - 2, height - _ROWS_BESIDE, RESOLUTIONS[glyphs]
    )
    x_axis = count_axis(reach, max(2, canvas.width // 12))
    extents = [
        series.columns(x_axis.low, x_axis.high, canvas.columns) for series in curves
    ]
    seen = np.concatenate([side for part in extents for side in (part.low, part.high)])
    seen = seen[np.isfinite(seen)]
    if not len(seen):
        return []
    count = max(2, canvas.height // 3)
    y_axis = linear_axis(float(seen.min()), float(seen.max()), count)
    canvas.draw(strokes(extents, y_axis, canvas))
    drawn = ["".join(map(chr, row)) for row in canvas.codes().tolist()]
    rows = [
        " tuitrain  loss · a first look while the screen is loading",
        *map(str.__add__, _labels(y_axis, canvas.height), drawn),
        " " * _LABEL_WIDTH + "└" + "─" * canvas.width,
        _foot(x_axis, canvas.width),
    ]
    rows = [row[: width - 1] for row in rows]
    return [to_ascii(row) for row in rows] if glyphs is GlyphSet.ASCII else rows


def _find_logs(path: Path) -> list[Path]:
    if path.is_file() and path.name != "journal.jsonl":
        return [path]
    if (path / "points.jsonl").exists():
        return [path / "points.jsonl"]
    trials = StudyFolder(path if path.is_dir() else path.parent).list_trials()
    return [trial.points for trial in trials[-MOST_LOGS:]]


def _read_loss(log: Path, blocks: int) -> Series:
    iterations: list[int] = []
    losses: Values = []
    name = ""
    for record in sample(log, blocks):
        event = record.event
        if not isinstance(event, PointsMeasured) or not event.values:
            continue
        name = name or ("loss" if "loss" in event.values else next(iter(event.values)))
        column = event.values.get(name, [])
        if len(column) == len(event.iteration):
            iterations += event.iteration
            losses += column
    return EMPTY_SERIES.append(to_iterations(iterations), to_numbers(losses))


def _labels(axis: Axis, height: int) -> list[str]:
    """Return what stands left of each row."""
    rows = [" " * _LABEL_WIDTH + "│"] * height
    for tick, label in zip(axis.ticks, axis.labels, strict=True):
        row = round((axis.high - tick) / axis.span * (height - 1))
        rows[row] = label[:_LABEL_WIDTH].rjust(_LABEL_WIDTH) + "┤"
    return rows


def _foot(axis: Axis, width: int) -> str:
    """Return the numbers below the picture, each where it belongs."""
    foot = ""
    for tick, label in zip(axis.ticks, axis.labels, strict=True):
        place = _LABEL_WIDTH + 1 + round((tick - axis.low) / axis.span * (width - 1))
        start = min(place - len(label) // 2, _LABEL_WIDTH + 1 + width - len(label))
        foot = foot.ljust(start) + label
    return foot


def _write(text: str) -> None:
    # Of a terminal that is gone, the screen hears as well.
    with suppress(OSError):
        assert sys.__stderr__ is not None
        sys.__stderr__.write(text)
        sys.__stderr__.flush()


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
