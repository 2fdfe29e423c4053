"""The one place that talks to plotext: frame, axes and ticks; never a data point.

plotext 6 ends the whole process on a NaN or a far-off value (an exception through its
compiled kernel), and its cost grows with every point. So it is given limits and ticks
only, and the curves are drawn into the box it leaves empty.
"""

import sys
from collections.abc import Iterable
from functools import lru_cache
from types import ModuleType
from typing import Any

import msgspec

from tuitrain.tui.curves.axis import Axis

NO_PLOTEXT = (
    "plotext can't be loaded here ({error}); curves are drawn without axes. "
    "Install a wheel of plotext 6 for this machine to get them."
)

_LEFT_OUT = {"plotext._doc.doc": "docs", "plotext._tests.run": "test"}
"""Modules of plotext, and what it takes out of each."""
_PICTURES = ("PIL", "ffpyplayer", "yt_dlp")
"""Packages that plotext takes where they are installed."""
_SMALLEST_WIDTH, _SMALLEST_HEIGHT = 12, 4
_GUTTER = 5
"""Cells that labels of the y axis take at least, so that the box rarely moves."""


def usual_width(width: int, height: int) -> int:
    """Return how wide the box is as a rule; only a drawn frame knows for sure."""
    if width < _SMALLEST_WIDTH or height < _SMALLEST_HEIGHT:
        return max(1, width)
    return width - _GUTTER - 1


class Frame(msgspec.Struct, frozen=True):
    """A drawn frame, and the empty box in it for the curves."""

    rows: tuple[str, ...]
    """As many as the plot is high, each as many characters as the plot is wide."""
    left: int
    """First column of the box."""
    top: int
    """First row of the box."""
    width: int
    height: int
    problem: str = ""
    """Why there are no axes; empty: there are."""


@lru_cache(maxsize=64)
def draw_frame(width: int, height: int, x: Axis, y: Axis) -> Frame:
    """Return the frame of a plot of `width` × `height` cells.

    A plot too small for axes, or a machine without plotext's kernel, gets a frame
    without axes: the box is all there is.
    """
    if width < _SMALLEST_WIDTH or height < _SMALLEST_HEIGHT:
        return _bare(width, height)
    try:
        plotext = _load_plotext()
    except (ImportError, OSError) as error:
        return _bare(width, height, NO_PLOTEXT.format(error=error))
    figure: Any = plotext.figure
    plotext.terminal.limit(width=False, height=False)
    _describe(figure, width, height, x, y)
    rows = figure.build().string(colorless=True).split("\n")
    rows = tuple(row.ljust(width)[:width] for row in rows[:height])
    if len(rows) != height:
        return _bare(width, height)
    left, top, box_width, box_height = _find_box(figure, rows)
    if box_width < 1 or box_height < 1:
        return _bare(width, height)
    return Frame(rows, left, top, box_width, box_height)


def _load_plotext() -> Any:  # noqa: ANN401 - a module without types
    """Import plotext without what it never needs here, each time.

    Its manual, built in colours, its tests, and packages for pictures and films take
    five sixths of its import, a fifth of a second before the first curve. If plotext
    comes to need its own modules, or moves them, it gets them.
    """
    left_out: dict[str, Any] = dict.fromkeys(_PICTURES)  # None: can't be imported
    for name, attribute in _LEFT_OUT.items():
        left_out[name] = ModuleType(name)
        setattr(left_out[name], attribute, None)
    left_out = {n: m for n, m in left_out.items() if n not in sys.modules}
    sys.modules.update(left_out)
    try:
        import plotext
    except ImportError:
        _forget(left_out)
        import plotext
    else:
        _forget(name for name in left_out if name in _PICTURES)
    return plotext


def _forget(modules: Iterable[str]) -> None:
    for name in modules:
        del sys.modules[name]


def _describe(figure: Any, width: int, height: int, x: Axis, y: Axis) -> None:  # noqa: ANN401
    figure.clear()
    figure.theme("colorless")
    figure.canvas("default")
    figure.plot_size(width, height)
    for axis in (0, 1):
        figure.axes(active=False, axis=axis, side=1)
    gutter = [label.rjust(_GUTTER) for label in y.labels]
    for name, axis_of, labels in (("x", x, list(x.labels)), ("y", y, gutter)):
        ruler = figure.ruler(name)
        ruler.lim(axis_of.low, axis_of.high)
        ruler.ticks(list(axis_of.ticks), labels)


def _find_box(figure: Any, rows: tuple[str, ...]) -> tuple[int, int, int, int]:  # noqa: ANN401
    """Return left, top, width and height of the canvas.

    plotext has no public name for it. Should the private one go, the corner of the
    axes tells the same.
    """
    try:
        canvas = figure._parts.canvas  # noqa: SLF001 - no public name
        (left, top), (width, height) = canvas.position(), canvas.size()
    except (AttributeError, TypeError, ValueError):
        bottom = next((i for i, row in enumerate(rows) if "└" in row), 0)
        left = rows[bottom].find("└") + 1 if rows else 0
        return left, 0, len(rows[0]) - left, bottom
    return int(left), int(top), int(width), int(height)


def _bare(width: int, height: int, problem: str = "") -> Frame:
    return Frame((" " * width,) * height, 0, 0, width, height, problem)
