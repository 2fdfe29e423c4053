"""The GPU screen: whose memory it is, what was used lately, and why there is none."""

import math
from pathlib import Path

import numpy as np
import pytest

from tests.tui.driving import replay_app, show_end, until
from tests.tui.gpu_studies import build_no_gpu, build_on_gpus, build_silent_gpus
from tests.tui.studies import HOSTILE, build_coarse_grid
from tests.tui.test_hostile import check_rows
from tuitrain.events import GpuReading, TrialLimits
from tuitrain.model import EMPTY_SERIES
from tuitrain.tui.app import TuitrainApp
from tuitrain.tui.bars import bar_rows, held_columns, window_s
from tuitrain.tui.panes.header import HeaderPane
from tuitrain.tui.screens.gpus import GpuScreen


def shown(app: TuitrainApp) -> str:
    screen = app.screen
    assert isinstance(screen, GpuScreen)
    return "\n".join("".join(text for text, _ in row) for row in screen.text.rows)


def header(app: TuitrainApp) -> str:
    return app.screen.query_one(HeaderPane).render_line(0).text


@pytest.mark.parametrize("size", [(80, 24), (120, 36)], ids=str)
async def test_each_gpu_tells_its_trials_from_strangers(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    build_on_gpus(tmp_path / "digits").close()
    app = replay_app(tmp_path / "digits")
    async with app.run_test(size=size) as pilot:
        await show_end(app, pilot)
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, GpuScreen))
        await until(pilot, lambda: "41.0 GiB in 2 processes" in shown(app))
        text = shown(app)
        assert "100 %" in text
        assert "42.0 GiB of 140.0 GiB 30 %" in text
        assert "61 °C   power 412 W" in text
        assert "others      1.0 GiB in 1 process" in text
        assert "9.0 GiB in 9 processes" in text
        assert "counts processes by the host's numbers" in " ".join(text.split())
        check_rows(app)


async def test_a_replay_shows_the_gpus_as_they_were_then(tmp_path: Path) -> None:
    build_on_gpus(tmp_path / "digits").close()
    app = replay_app(tmp_path / "digits")
    async with app.run_test(size=(120, 36)) as pilot:
        await show_end(app, pilot)
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, GpuScreen))
        app.feed.wish(lambda player: player.seek(60.0))
        await until(pilot, lambda: app.link.position_s == 60.0)
        await until(pilot, lambda: "100 %" not in shown(app))
        assert "last 2 min" in shown(app)
        app.feed.wish(lambda player: player.seek(0.5))
        await until(pilot, lambda: "No reading of GPUs" in shown(app))


async def test_without_a_gpu_it_is_said_why(tmp_path: Path) -> None:
    build_no_gpu(tmp_path / "digits", "no NVIDIA GPU here: NVML Not Found").close()
    app = replay_app(tmp_path / "digits")
    async with app.run_test(size=(120, 36)) as pilot:
        await show_end(app, pilot)
        await until(pilot, lambda: "no GPU" in header(app))
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, GpuScreen))
        await until(pilot, lambda: "No NVIDIA GPU here: NVML Not Found" in shown(app))
        assert "Trials run on the CPU, 2 at once." in shown(app)


async def test_a_gpu_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    study = build_on_gpus(tmp_path / "digits")
    study.gpus(GpuReading(uuid="GPU-1-bb", name="NVIDIA H200"))
    study.close()
    app = replay_app(tmp_path / "digits")
    async with app.run_test(size=(120, 36)) as pilot:
        await show_end(app, pilot)
        await pilot.press("u")
        await until(pilot, lambda: isinstance(app.screen, GpuScreen))
        await until(pilot, lambda: "GPU-0-aaaa no longer answers" in shown(app))


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (40, 12)], ids=str)
async def test_hostile_names_and_silent_drivers_are_shown_safely(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    study = build_silent_gpus(tmp_path / "digits")
    study.close()
    build_no_gpu(tmp_path / "none", HOSTILE).close()
    for name in ("digits", "none"):
        app = replay_app(tmp_path / name)
        async with app.run_test(size=size) as pilot:
            await show_end(app, pilot)
            await pilot.press("u")
            await until(pilot, lambda: isinstance(app.screen, GpuScreen))  # noqa: B023
            await until(pilot, lambda: bool(shown(app)))  # noqa: B023
            for key in ("pagedown", "end", "home"):
                await pilot.press(key)
                await pilot.pause()
                check_rows(app)


async def test_the_header_shows_the_device_of_the_chosen_trial(tmp_path: Path) -> None:
    build_on_gpus(tmp_path / "digits").close()
    app = replay_app(tmp_path / "digits")
    async with app.run_test(size=(160, 36)) as pilot:
        await show_end(app, pilot)
        await until(pilot, lambda: "cuda:0 100 %" in header(app))
        await pilot.press("down")
        await until(pilot, lambda: "cuda:1 0 % 70.0/140 GiB +1 more" in header(app))


async def test_the_header_says_when_a_trial_has_no_gpu_though_there_is_one(
    tmp_path: Path,
) -> None:
    study = build_coarse_grid(tmp_path / "digits")
    trial = study.queue({"lr": 1.0}, TrialLimits(epochs=3))
    study.begin(trial)
    study.close()
    app = replay_app(tmp_path / "digits")
    async with app.run_test(size=(160, 36)) as pilot:
        await show_end(app, pilot)
        await until(pilot, lambda: "cuda:0 93 %" in header(app))
        await pilot.press(*["down"] * 12)
        await until(pilot, lambda: "on the CPU" in header(app))


def _series(*points: tuple[int, float]):
    return EMPTY_SERIES.append(
        np.array([at for at, _ in points]), np.array([value for _, value in points])
    )


def test_a_reading_holds_until_the_next_and_peaks_are_not_lost() -> None:
    series = _series((70, 0.5), (130, 0.9), (131, 0.2), (160, math.nan), (180, 0.1))
    columns = held_columns(series, 200.0, 120.0, 6)
    assert columns[:4] == [0.5, 0.5, 0.9, 0.2]
    assert math.isnan(columns[4])
    assert columns[5] == 0.1


def test_before_the_first_reading_there_is_no_bar() -> None:
    columns = held_columns(_series((190, 0.5)), 200.0, 120.0, 4)
    assert [math.isnan(value) for value in columns] == [True, True, True, False]


def test_the_shortest_while_that_holds_all_is_shown() -> None:
    assert window_s([], 5.0) == 120
    assert window_s([_series((100, 1.0))], 130.0) == 120
    assert window_s([EMPTY_SERIES, _series((100, 1.0))], 500.0) == 600
    assert window_s([_series((100, 1.0))], 1e6) == 3600


def test_bars_fill_rows_from_the_bottom_and_show_that_little_is_not_nothing() -> None:
    rows = bar_rows([0.0, 0.001, 0.5, 1.0, 2.0, math.nan], 1.0, 2)
    text = ["".join(span for span, _ in row) for row in rows]
    assert text == ["   ██ ", " ▁███ "]
