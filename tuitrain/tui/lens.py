"""How a person looks at curves: axes, smoothing, the part shown, the cursor; pure."""

from enum import StrEnum
from itertools import pairwise
from typing import Final, TypeVar

import msgspec
from msgspec.structs import replace

SPANS: Final = (0, 5, 20, 50, 200, 1000, 5000, 20_000, 100_000, 1_000_000)
"""Iterations that a moving mean covers; 0: none."""

_Choice = TypeVar("_Choice", bound=StrEnum)

_STEPS_ACROSS = 60
"""Steps of the cursor from one end of a plot to the other."""
_DEEPEST_ZOOM = 2.0**20
_FEWEST_ITERATIONS = 4.0
"""No closer zoom: there is nothing between two iterations."""


class XUnit(StrEnum):
    """What the x axis counts."""

    ITERATIONS = "iterations"
    EPOCHS = "epochs"
    TIME = "time"
    """Seconds since the trial began; what went by between a trial and the one that
    carries it on is left out."""


class GlyphSet(StrEnum):
    """What curves are drawn with."""

    BRAILLE = "braille"
    BLOCK = "blocks"
    ASCII = "ASCII"


class Events(StrEnum):
    """Which vertical marks are drawn."""

    CHANGES = "changes"
    """Where the learning rate changed and where something was found."""
    ALL = "all"
    """Those, and the end of each epoch."""
    NONE = "none"


Window = tuple[float, float]
"""Both ends of a part of the x axis, in its unit."""


class Lens(msgspec.Struct, frozen=True, kw_only=True):
    """How all plots of a screen are looked at; they move in step."""

    unit: XUnit = XUnit.ITERATIONS
    log_y: bool = False
    span: int = 0
    """Iterations of the moving mean; 0: the curves as they were measured."""
    window: Window | None = None
    """The part shown; None: everything."""
    cursor: float | None = None
    """Where values are read, in the unit of the x axis; None: nowhere."""
    events: Events = Events.CHANGES
    glyphs: GlyphSet = GlyphSet.BRAILLE

    def shown(self, reach: float) -> Window:
        """Return the part of the x axis that is shown.

        Args:
            reach: Where the longest curve ends. A window beyond, left over from longer
                curves, is not used.
        """
        if self.window is None or self.window[0] >= reach:
            return 0.0, max(reach, 1e-9)
        return self.window

    def zoomed(self, reach: float, factor: float) -> "Lens":
        """Return a lens that shows `factor` times as much, around the cursor."""
        low, high = self.shown(reach)
        middle = (low + high) / 2
        if self.cursor is not None and low <= self.cursor <= high:
            middle = self.cursor
        least = reach / _DEEPEST_ZOOM
        if self.unit is XUnit.ITERATIONS:
            least = max(least, _FEWEST_ITERATIONS)
        span = max((high - low) * factor, least)
        if span >= reach:
            return replace(self, window=None)
        low = middle - (middle - low) / (high - low) * span
        return replace(self, window=_within(low, span, reach))

    def panned(self, reach: float, share: float) -> "Lens":
        """Return a lens moved by a share of what it shows, within what there is."""
        low, high = self.shown(reach)
        if high - low >= reach:
            return replace(self, window=None)
        return replace(
            self, window=_within(low + share * (high - low), high - low, reach)
        )

    def cursor_moved(self, reach: float, steps: int) -> "Lens":
        """Return a lens with the cursor moved; what is shown follows it.

        The first step puts it at the end of what is shown.
        """
        low, high = self.shown(reach)
        step = (high - low) / _STEPS_ACROSS
        if self.unit is XUnit.ITERATIONS:
            step = max(1.0, float(round(step)))
        at = min(high, reach) if self.cursor is None else self.cursor + steps * step
        at = min(max(at, 0.0), reach)
        if self.unit is XUnit.ITERATIONS:
            at = float(round(at))
        if low <= at <= high:
            return replace(self, cursor=at)
        span = high - low
        start = at if at < low else at - span
        return replace(self, cursor=at, window=_within(start, span, reach))

    def reset(self) -> "Lens":
        """Return a lens that shows everything, without a cursor."""
        return replace(self, window=None, cursor=None)

    def smoothed(self, iterations: int, direction: int) -> "Lens":
        """Return a lens with the next longer (1) or shorter (-1) moving mean.

        After the longest that is shorter than `iterations` comes none, and before none
        the longest.
        """
        useful = [span for span in SPANS if span < max(iterations, SPANS[1] + 1)]
        later = [span for span in useful if span > self.span]
        earlier = [span for span in useful if span < self.span]
        if direction > 0:
            return replace(self, span=later[0] if later else 0)
        return replace(self, span=earlier[-1] if earlier else useful[-1])

    def with_next_unit(self) -> "Lens":
        """Return a lens whose x axis counts something else, and shows everything."""
        return replace(self, unit=_after(self.unit), window=None, cursor=None)

    def with_next_events(self) -> "Lens":
        """Return a lens with other vertical marks."""
        return replace(self, events=_after(self.events))

    def with_next_glyphs(self) -> "Lens":
        """Return a lens that draws with other characters."""
        return replace(self, glyphs=_after(self.glyphs))


def _within(low: float, span: float, reach: float) -> Window:
    low = min(max(low, 0.0), max(0.0, reach - span))
    return low, low + span


def _after(choice: _Choice) -> _Choice:
    choices = list(type(choice))
    following = dict(pairwise([*choices, choices[0]]))
    return following[choice]
