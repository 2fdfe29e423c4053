"""What a plot shows, and how it becomes lines: pure, apart from plotext's frame."""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from tuitrain.tui.curves.axis import (
    LARGEST,
    Axis,
    count_axis,
    linear_axis,
    log_axis,
    time_axis,
    window_axis,
)
from tuitrain.tui.curves.curve import (
    BestPoint,
    Curve,
    Happened,
    Placed,
    best_point,
    place,
)
from tuitrain.tui.curves.frame import Frame, draw_frame, usual_width
from tuitrain.tui.curves.marks import (
    cell_of,
    put_best,
    put_captions,
    put_curve_signs,
    put_lines,
    row_of,
)
from tuitrain.tui.curves.raster import RESOLUTIONS, Canvas, Resolution, strokes, thin
from tuitrain.tui.curves.readout import (
    Reading,
    describe_place,
    describe_time,
    read_at,
    readout_rows,
)
from tuitrain.tui.curves.scale import EvenScale
from tuitrain.tui.curves.sheet import Sheet, Written
from tuitrain.tui.glyphs import BROKEN, CURSOR_LINE, to_ascii
from tuitrain.tui.lens import Events, GlyphSet, Lens, XUnit
from tuitrain.tui.lines import BLANK, Line, line, wrap

_AT_ONCE = 16
"""Curves whose dots are worked out together: hundreds would take too much memory."""
_USUAL = 0.95
_SPIKE_REACH = 4.0
"""Columns that reach this many times beyond what 95 % of them do are cut off, with
their value written where they leave the plot."""


class Picture(msgspec.Struct, frozen=True):
    """All that one plot shows."""

    curves: tuple[Curve, ...] = ()
    lens: Lens = msgspec.field(default_factory=Lens)
    reach: float = 0.0
    """Where the longest curve of the screen ends on the x axis."""
    happened: Happened | None = None
    """What vertical marks tell, of the chosen trial."""
    best_of: Curve | None = None
    """The curve whose best value gets a star."""
    empty: str = "no points yet"
    """What is said when there is nothing to draw."""
    legend: Line = BLANK
    """Stands in a right corner of the box."""
    falls: bool = True
    """Whether curves run downwards, which leaves the upper right corner free, and low
    values are the good ones."""


class Kept(msgspec.Struct, frozen=True):
    """What stays from one drawing of a plot to the next, so that little changes."""

    y_axis: Axis
    lens: Lens
    box: tuple[int, int, int]
    """Size of the plot and width of its box."""
    placed: tuple[Placed, ...]
    """Its reduced curves; only their newest columns are reduced anew."""
    best: BestPoint | None
    falls: bool
    """What was plotted runs downwards, for which `best` was looked for."""
    written: Written
    """Its lines, of which most stay."""

    def axis_for(self, lens: Lens) -> Axis | None:
        """Return the y axis, if the same part is looked at in the same way."""
        same = (self.lens.window, self.lens.unit, self.lens.log_y)
        return self.y_axis if same == (lens.window, lens.unit, lens.log_y) else None

    def placed_for(self, curves: Sequence[Curve]) -> Sequence[Placed | None]:
        """Return for each curve what may be the same one, placed the last time."""
        if len(curves) != len(self.placed):
            return [None] * len(curves)
        return self.placed


def compose_picture(
    picture: Picture, width: int, height: int, kept: Kept | None = None
) -> tuple[list[Line], Kept | None]:
    """Return the rows of a plot, and what to give to the next call.

    Args:
        picture: What to show.
        width: Cells across, ticks included.
        height: Rows, those of the readout included.
        kept: What the last call returned; its axes stay while they fit well.
    """
    curves = [curve for curve in picture.curves if len(curve.series)]
    if not curves:
        return _written(picture, _say(picture.empty, width, height)), kept
    below = _readout(picture, curves, width, max(1, height // 3))
    height = max(1, height - len(below))
    laid = _lay_out(picture, curves, width, height, kept)
    if laid is None:
        rows = [*_say(_why_empty(picture), width, height)[:height], *below]
        return _written(picture, rows), kept
    best = _find_best(picture, kept)
    sheet = _draw(picture, laid, best)
    box = (width, height, laid.frame.width)
    written = sheet.write(kept.written if kept is not None else None)
    return _written(picture, [*written.lines, *below]), Kept(
        laid.y_axis, picture.lens, box, tuple(laid.placed), best, picture.falls, written
    )


class _Layout(msgspec.Struct, frozen=True):
    """Frame and curves that fit each other."""

    frame: Frame
    x_axis: Axis
    y_axis: Axis
    placed: list[Placed]
    resolution: Resolution


def _lay_out(
    picture: Picture,
    curves: Sequence[Curve],
    width: int,
    height: int,
    kept: Kept | None,
) -> _Layout | None:
    """Return axes and reduced curves; None: there is no value to show.

    The width of the box decides the columns, the labels of the y axis decide the width
    of the box, and they depend on what is in the columns. As a rule the box is as wide
    as the last time, so that the curves are reduced once.
    """
    lens = picture.lens
    x_axis = _find_x_axis(picture, curves, max(2, width // 9))
    cells = usual_width(width, height)
    if kept is not None and kept.box[:2] == (width, height):
        cells = kept.box[2]
    y_axis = kept.axis_for(lens) if kept is not None else None
    before = kept.placed_for(curves) if kept is not None else [None] * len(curves)
    placed = _place_all(curves, before, x_axis, cells, lens)
    y_axis = _find_y_axis(placed, lens.log_y, max(2, height // 3), y_axis)
    if y_axis is None:
        return None
    frame = draw_frame(width, height, x_axis, y_axis)
    if frame.width != cells:
        # The y axis stays although its columns have moved a little: it held them all.
        placed = _place_all(curves, before, x_axis, frame.width, lens)
    return _Layout(frame, x_axis, y_axis, placed, RESOLUTIONS[lens.glyphs])


def _place_all(
    curves: Sequence[Curve],
    before: Sequence[Placed | None],
    x_axis: Axis,
    cells: int,
    lens: Lens,
) -> list[Placed]:
    resolution = RESOLUTIONS[lens.glyphs]
    return [
        place(curve, x_axis, cells, resolution, lens.span, older)
        for curve, older in zip(curves, before, strict=True)
    ]


def _find_best(picture: Picture, kept: Kept | None) -> BestPoint | None:
    if picture.best_of is None:
        return None
    before = kept.best if kept is not None and kept.falls == picture.falls else None
    return best_point(picture.best_of.series, before, highest=not picture.falls)


def _find_x_axis(picture: Picture, curves: Sequence[Curve], count: int) -> Axis:
    lens = picture.lens
    reach = max(picture.reach, *(_end_of(curve) for curve in curves))
    if lens.window is not None and lens.window[0] < reach:
        return window_axis(*lens.window, count, is_time=lens.unit is XUnit.TIME)
    if lens.unit is XUnit.TIME:
        return time_axis(reach, count)
    return count_axis(reach, count)


def _end_of(curve: Curve) -> float:
    last = float(curve.series.last_iteration or 0)
    if isinstance(curve.scale, EvenScale):
        return last * curve.scale.per_iteration
    return float(curve.scale.to_x(np.array([last]))[0])


def _find_y_axis(
    placed: Sequence[Placed],
    log_y: bool,  # noqa: FBT001
    count: int,
    kept: Axis | None,
) -> Axis | None:
    seen = np.concatenate(
        [side for part in placed for side in (part.extents.low, part.extents.high)]
    )
    seen = seen[np.isfinite(seen)]
    if log_y:
        seen = seen[seen > 0]
    if not len(seen):
        return None
    if log_y:
        return log_axis(float(seen.min()), float(seen.max()), count, kept)
    return linear_axis(float(seen.min()), _usual_top(seen), count, kept)


def _usual_top(seen: NDArray[np.float64]) -> float:
    """Return the largest value, or a lower one when a few spikes hide all the rest."""
    ordered = np.sort(np.clip(seen, -LARGEST, LARGEST))
    low, top = float(ordered[0]), float(ordered[-1])
    usual = float(ordered[int(_USUAL * (len(ordered) - 1))])
    reach = _SPIKE_REACH * (usual - low)
    return usual + reach / 2 if 0 < reach < top - low else top


def _draw(picture: Picture, laid: _Layout, best: BestPoint | None) -> Sheet:
    lens, x_axis, y_axis = picture.lens, laid.x_axis, laid.y_axis
    sheet = Sheet(laid.frame)
    happened = picture.happened if lens.events is not Events.NONE else None
    # Epochs are what the axis counts, or marks.
    with_epochs = lens.events is Events.ALL and lens.unit is not XUnit.EPOCHS
    if happened is not None:
        put_lines(sheet, happened, x_axis, with_epochs=with_epochs)
    _draw_curves(sheet, laid)
    for part in laid.placed:
        put_curve_signs(sheet, part, y_axis, x_axis, laid.resolution)
    if happened is not None:
        put_captions(
            sheet, happened, x_axis, with_epochs=with_epochs, at_top=picture.falls
        )
    if picture.best_of is not None and best is not None and best.at is not None:
        put_best(sheet, picture.best_of, best.at, y_axis, x_axis)
    sheet.put_corner(picture.legend, at_top=picture.falls)
    if lens.cursor is not None:
        readings = read_at(picture.curves, lens.cursor, lens.span)
        _put_cursor(sheet, lens.cursor, readings, x_axis, y_axis)
    if laid.frame.problem:
        sheet.put_text(0, 0, laid.frame.problem, "warn")
    return sheet


def _draw_curves(sheet: Sheet, laid: _Layout) -> None:
    """Draw the moving means over the faint curves they are made of, if there are any."""
    placed, resolution = laid.placed, laid.resolution
    roles = [part.curve.role for part in placed]
    if any(part.means is not None for part in placed):
        faint = Canvas(laid.frame.width, laid.frame.height, resolution)
        for first, parts in _batches(placed):
            behind = [
                part.extents if part.means is not None else None for part in parts
            ]
            dots = strokes(behind, laid.y_axis, faint)
            faint.draw(thin(dots, resolution), first)
        dimmed = [role.replace("curve-", "faint-") for role in roles]
        sheet.put_canvas(faint, dimmed, is_faint=True)
    lines = Canvas(laid.frame.width, laid.frame.height, resolution)
    for first, parts in _batches(placed):
        dots = strokes([part.line for part in parts], laid.y_axis, lines)
        for part, own in zip(parts, dots, strict=True):
            if part.curve.is_validation:
                own[:, np.arange(lines.columns) // resolution.across % 2 == 1] = False
        lines.draw(dots, first)
    sheet.put_canvas(lines, roles)


def _batches(placed: Sequence[Placed]) -> Iterator[tuple[int, Sequence[Placed]]]:
    for first in range(0, len(placed), _AT_ONCE):
        yield first, placed[first : first + _AT_ONCE]


def _put_cursor(
    sheet: Sheet, x: float, readings: Sequence[Reading], x_axis: Axis, y_axis: Axis
) -> None:
    """Draw the cursor, and on it the letter of each curve where its value lies."""
    if not x_axis.low <= x <= x_axis.high:
        return
    cell = cell_of(x, x_axis, sheet.frame.width)
    sheet.put_column(cell, CURSOR_LINE, "strong")
    for reading in readings:
        shown = reading.value if reading.mean is None else reading.mean
        row = row_of(shown, y_axis, sheet.frame.height)
        if row is not None and not reading.curve.is_validation:
            sheet.put_text(cell, row, reading.curve.letter, reading.curve.role)


def _readout(
    picture: Picture, curves: Sequence[Curve], width: int, most: int
) -> list[Line]:
    lens = picture.lens
    if lens.cursor is None:
        return []
    # The chosen trial's curves come last, and training lies on top.
    words = describe_place(lens.cursor, curves[-1])
    if lens.unit is XUnit.TIME:
        words = f"{describe_time(lens.cursor)} · {words}"
    readings = read_at(curves, lens.cursor, lens.span)
    return readout_rows(readings, words, width, most)


def _why_empty(picture: Picture) -> str:
    if all(curve.series.best(highest=True) is None for curve in picture.curves):
        return f"{BROKEN} every value so far is NaN or infinite"
    if picture.lens.window is not None:
        return "nothing to show in this part (0 shows all)"
    return "no value above 0 to show on a log axis (y goes back)"


def _say(text: str, width: int, height: int) -> list[Line]:
    rows = wrap(text, max(8, width - 2), "muted")
    above = max(0, (height - len(rows)) // 2)
    centred = [
        line(" " * max(0, (width - sum(len(t) for t, _ in row)) // 2), *row)
        for row in rows
    ]
    return [*[BLANK] * above, *centred, *[BLANK] * (height - above - len(rows))]


def _written(picture: Picture, rows: list[Line]) -> list[Line]:
    if picture.lens.glyphs is not GlyphSet.ASCII:
        return rows
    return [tuple((to_ascii(text), role) for text, role in row) for row in rows]
