"""One curve, and how it is reduced to the columns of a canvas."""

from functools import lru_cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from tuitrain.model import EMPTY_SERIES, ColumnExtents, Series
from tuitrain.tui.curves.axis import Axis
from tuitrain.tui.curves.raster import Resolution
from tuitrain.tui.curves.scale import EvenScale, Scale

FEW_POINTS = 40
"""Up to this many points of a validation curve get a sign each, and no mean."""


class Curve(msgspec.Struct, frozen=True):
    """One series to be drawn."""

    letter: str
    """Stands at the curve's end, so that colour is not the only sign; may be empty."""
    role: str
    series: Series
    scale: Scale = msgspec.field(default_factory=EvenScale)
    """Where its iterations lie on the x axis."""
    is_validation: bool = False
    """Drawn dotted, with a sign at each point."""
    per_epoch: float | None = None
    """Iterations in an epoch, for the readout; None: not known."""

    @property
    def has_few_points(self) -> bool:
        """Whether each point of a validation curve has a sign of its own."""
        return self.is_validation and len(self.series) <= FEW_POINTS


class Happened(msgspec.Struct, frozen=True):
    """What vertical marks tell of one trial."""

    letter: str
    scale: Scale = msgspec.field(default_factory=EvenScale)
    epochs: tuple[int, ...] = ()
    """Iteration at which each epoch was complete."""
    first_epoch: int = 1
    """Number of the first of them."""
    lr: Series = EMPTY_SERIES
    found: tuple[int, ...] = ()
    """Iterations that findings name."""


class Placed(msgspec.Struct, frozen=True):
    """A curve reduced to the columns of its canvas."""

    curve: Curve
    bounds: NDArray[np.float64]
    """Iteration at which each column begins, and the end; shape (columns + 1,)."""
    extents: ColumnExtents
    span: int = 0
    """Iterations of the moving mean; 0: none."""
    means: NDArray[np.float64] | None = None
    """The moving mean in each column, shape (columns,); None: none is drawn."""

    @property
    def line(self) -> ColumnExtents:
        """What is drawn as the curve: its moving mean, or all of it."""
        if self.means is None:
            return self.extents
        means = self.means
        return ColumnExtents(means, means, means, self.extents.broken)

    def columns_that_stay(
        self, curve: Curve, bounds: NDArray[np.float64], span: int
    ) -> int:
        """Return how many columns, from the left, are the same for a grown curve.

        At least one is left over.
        """
        older = self.curve.series
        if span != self.span or not curve.series.continues(older):
            return 0
        if older.last_iteration is None or len(bounds) != len(self.bounds):
            return 0
        same = len(bounds) - 1
        if bounds is not self.bounds:
            differing = (bounds != self.bounds).nonzero()[0]
            same = int(differing[0]) - 1 if len(differing) else same
        # The column of the newest point may have got more.
        whole = int(np.searchsorted(bounds, older.last_iteration, side="right")) - 1
        return max(0, min(same, whole, len(bounds) - 2))


def place(
    curve: Curve,
    x_axis: Axis,
    cells: int,
    resolution: Resolution,
    span: int,
    before: Placed | None = None,
) -> Placed:
    """Return a curve in columns of one dot each.

    Args:
        curve: The curve.
        x_axis: What is shown of it.
        cells: Cells across the box.
        resolution: Dots in a cell.
        span: Iterations of the moving mean; 0: none.
        before: The same curve as it was placed the last time; what can't have changed
            is taken from it. None: everything is reduced.
    """
    bounds = column_bounds(curve.scale, x_axis, cells, cells * resolution.across)
    span = 0 if curve.has_few_points else span
    stay = before.columns_that_stay(curve, bounds, span) if before is not None else 0
    # In the same columns, the newest one has only got more: a look at the new points will
    # do, however many it holds.
    grew = before is not None and stay > 0 and bounds is before.bounds
    known = len(before.curve.series) if before is not None and grew else 0
    extents = curve.series.columns_between(bounds[stay:], known)
    means = curve.series.means(bounds[stay:], span) if span else None
    if before is not None and stay:
        extents = _joined(before.extents, extents, stay, grew=grew)
        if means is not None and before.means is not None:
            means = np.concatenate((before.means[:stay], means))
    return Placed(curve, bounds, extents, span, means)


def _joined(
    before: ColumnExtents, after: ColumnExtents, stay: int, *, grew: bool
) -> ColumnExtents:
    """Put columns together; if it `grew`, `after` begins with what one of them got."""
    joined = ColumnExtents(
        np.concatenate((before.low[:stay], after.low)),
        np.concatenate((before.high[:stay], after.high)),
        np.concatenate((before.last[:stay], after.last)),
        np.concatenate((before.broken[:stay], after.broken)),
    )
    if grew:
        joined.low[stay] = np.fmin(before.low[stay], after.low[0])
        joined.high[stay] = np.fmax(before.high[stay], after.high[0])
        if np.isnan(after.last[0]):
            joined.last[stay] = before.last[stay]
        joined.broken[stay] |= before.broken[stay]
    return joined


def column_bounds(
    scale: Scale, x_axis: Axis, cells: int, columns: int
) -> NDArray[np.float64]:
    """Return the iterations between which the columns of a box lie."""
    ends = x_axis.low, x_axis.high
    if isinstance(scale, EvenScale):
        # As a rule all curves of all plots have the same.
        return _even_bounds(scale, ends, cells, columns)
    return scale.to_iterations(_places(ends, cells, columns))


@lru_cache(maxsize=16)
def _even_bounds(
    scale: EvenScale, ends: tuple[float, float], cells: int, columns: int
) -> NDArray[np.float64]:
    bounds = scale.to_iterations(_places(ends, cells, columns))
    bounds.setflags(write=False)
    return bounds


def _places(ends: tuple[float, float], cells: int, columns: int) -> NDArray[np.float64]:
    # Half a cell more on both sides: ticks stand in the middle of their cells.
    half = (ends[1] - ends[0]) / max(1, cells - 1) / 2
    return np.linspace(ends[0] - half, ends[1] + half, columns + 1)


class BestPoint(msgspec.Struct, frozen=True):
    """The best point of a series, found without a look at what was looked at before."""

    series: Series
    at: tuple[int, float] | None
    """Iteration and value; None: nothing finite."""


def best_point(series: Series, before: BestPoint | None, *, highest: bool) -> BestPoint:
    """Return the best point of a series that may have grown since `before`."""
    if before is None or not series.continues(before.series):
        return BestPoint(series, series.best(highest=highest))
    best = before.at
    start = len(before.series)
    added = series.values[start:]
    finite = np.isfinite(added).nonzero()[0]
    if len(finite):
        pick = np.argmax(added[finite]) if highest else np.argmin(added[finite])
        row = start + int(finite[pick])
        value = float(series.values[row])
        if best is None or (value > best[1] if highest else value < best[1]):
            best = int(series.iterations[row]), value
    return BestPoint(series, best)
