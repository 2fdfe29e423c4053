"""One frame of two plots, from series of millions of points to styled strips."""

import asyncio
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.strip import Strip

from tests.benchmarks.figures import Figure, tell, within
from tuitrain.model import EMPTY_SERIES, Series
from tuitrain.tui.base_app import BaseApp
from tuitrain.tui.curves.curve import Curve
from tuitrain.tui.curves.curve_plot import CurvePlot
from tuitrain.tui.curves.picture import Picture, compose_picture
from tuitrain.tui.lens import Lens
from tuitrain.tui.lines import CURVE_ROLES

COLUMNS, ROWS = 120, 30
WIDTH, HEIGHT = COLUMNS // 2, ROWS
"""Cells of each of the two plots."""
FRAMES = 60
WARM_FRAMES = 5


def _series(points: int, seed: int) -> Series:
    random = np.random.default_rng(seed)
    values = np.exp(-np.arange(points) / points) + 0.05 * random.normal(size=points)
    return EMPTY_SERIES.append(np.arange(1, points + 1), values)


def _look_at_every_point(series: Series, columns: int) -> None:
    """What reducing costs without a pyramid."""
    last = series.last_iteration or 1
    place = np.minimum(series.iterations * (columns / last), columns - 1)
    edges = np.flatnonzero(np.diff(place.astype(np.int64), prepend=-1))
    np.minimum.reduceat(series.values, edges)
    np.maximum.reduceat(series.values, edges)


def _pictures(series: list[Series], lens: Lens) -> list[Picture]:
    curves = [
        Curve("ABCD"[n % 4], f"curve-{n % CURVE_ROLES}", each, is_validation=n % 2 == 1)
        for n, each in enumerate(series)
    ]
    halves = (curves[:4], curves[4:])
    return [Picture(curves=tuple(h), best_of=h[1], lens=lens) for h in halves]


def _zoomed_ms(series: list[Series]) -> float:
    """Return the CPU time of a frame of which no column was ever reduced before."""
    reach = float(series[0].last_iteration or 0)
    times = []
    for share in range(20):
        window = (0.01 * share * reach, (0.5 + 0.01 * share) * reach)
        started = time.process_time()
        for picture in _pictures(series, Lens(window=window)):
            compose_picture(picture, WIDTH, HEIGHT)
        times.append((time.process_time() - started) * 1e3)
    return statistics.median(times)


class TwoPlots(BaseApp[None]):
    """Two plots side by side, as the main screen holds them."""

    CSS_PATH = "../../tuitrain/tui/screens/screens.tcss"
    CSS = "CurvePlot { width: 1fr; height: 1fr; }"

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield CurvePlot()
            yield CurvePlot()


@dataclass
class Times:
    """Of the frames of one measurement, in ms."""

    wall_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)


def _strips(plot: CurvePlot) -> list[Strip]:
    """Style every row, though on the screen only those that changed are."""
    return [plot.render_line(y) for y in range(plot.size.height)]


async def _frames(series: list[Series]) -> Times:
    """Grow the series by a few points and draw them, over and over."""
    app, times = TwoPlots(), Times()
    async with app.run_test(size=(COLUMNS, ROWS)) as pilot:
        plots = list(app.query(CurvePlot))
        assert [plot.size for plot in plots] == [(WIDTH, HEIGHT)] * 2
        for _ in range(FRAMES):
            # New points arrive between frames, so nothing of a frame can be kept.
            last = series[0].last_iteration or 0
            more = np.arange(last + 1, last + 6)
            series = [each.append(more, np.full(5, 0.4)) for each in series]
            pictures = _pictures(series, Lens())
            started, cpu_started = time.perf_counter(), time.process_time()
            for plot, picture in zip(plots, pictures, strict=True):
                plot.picture = picture
                _strips(plot)
            times.wall_ms.append((time.perf_counter() - started) * 1e3)
            times.cpu_ms.append((time.process_time() - cpu_started) * 1e3)
            await pilot.pause()
    return Times(times.wall_ms[WARM_FRAMES:], times.cpu_ms[WARM_FRAMES:])


def measure(quick: bool) -> Iterator[Figure]:
    """Measure short and long series, and growing ones."""
    points = 1_000_000 if quick else 10_000_000
    series: list[Series] = []
    for count, budget in ((1_000, None), (points, 5.0)):
        series = [_series(count, seed) for seed in range(8)]
        times = asyncio.run(_frames(series))
        size = f"{count:,}".replace(",", " ")
        what = f"one frame, {size} points a series"
        middle, best = statistics.median(times.wall_ms), min(times.wall_ms)
        yield (
            within(f"{what}, median", middle, budget, "ms")
            if budget
            else Figure(f"{what}, median", f"{middle:.2f} ms")
        )
        yield Figure("the fastest of 55 frames", f"{best:.2f} ms")
        cpu = statistics.median(times.cpu_ms)
        yield Figure("time of the CPU in one frame, median", f"{cpu:.2f} ms")
        yield Figure("curves alone, after a zoom", f"{_zoomed_ms(series):.2f} ms")
    started = time.perf_counter()
    for each in series:
        _look_at_every_point(each, 2 * WIDTH)
    per_frame_ms = (time.perf_counter() - started) * 1e3
    yield Figure("baseline: a look at every point", f"{per_frame_ms:.0f} ms")


if __name__ == "__main__":
    tell(measure)
