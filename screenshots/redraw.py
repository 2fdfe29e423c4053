"""Draws the pictures of the README from recorded logs: `redraw.py` or `redraw.py --check`.

With --check nothing is written: the exit status is 1 if a picture would change.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tuitrain.sources import StudySource
from tuitrain.tui.app import TuitrainApp
from tuitrain.tui.feed.replay import ReplayFeed
from tuitrain.tui.home_app import HomeApp
from tuitrain.tui.run import find_log
from tuitrain.tui.screens.home import HomePane
from tuitrain.units import Seconds

HERE = Path(__file__).parent.resolve()
ROOT = HERE.parent
LOG = Path("tests/logs/digits_cnn")
"""A study of `examples/digits_cnn.py` on two CPU cores, recorded as it ran."""
OWN_LOOP = Path("tests/logs/own_loop")
"""A trial of `examples/digits_own_loop.py`, with what it printed."""
PATIENCE_S = 30.0


@dataclass(frozen=True)
class Shot:
    """One picture."""

    name: str
    position_s: float
    """Moment of the recorded study."""
    keys: Sequence[str] = ()
    """Pressed before the picture is taken."""
    columns: int = 120
    rows: int = 36
    theme: str = "textual-dark"
    log: Path = LOG
    """What is replayed."""


SHOTS = (
    Shot("main", 105.0),
    Shot("small", 105.0, columns=80, rows=24),
    Shot("overfit_small", 25.0),
    Shot("curves", 200.0),
    Shot("trial", 105.0, keys=("t",)),
    Shot("grid", 200.0, keys=("g",)),
    Shot("compare", 200.0, keys=("c",)),
    Shot("log", 200.0, keys=("l",), columns=100, rows=24, log=OWN_LOOP),
    Shot("plan", 60.0, keys=("e",)),
    Shot("gpus", 105.0, keys=("u",)),
    Shot("read", 200.0, keys=("z", "w", "w", *["left_square_bracket"] * 20)),
    Shot("help", 200.0, keys=("question_mark",)),
    Shot("ansi", 105.0, theme="ansi-dark"),
)


class Noon:
    """A clock that always tells the same time, a day after the recording."""

    def wall_s(self) -> Seconds:
        """Seconds since the epoch."""
        return Seconds((StudySource(LOG).read_all()[0].at_s) + 86_400)

    def mono_s(self) -> Seconds:
        """A moment of no boot."""
        return Seconds(0.0)


async def draw_home() -> str:
    """Return the SVG of the home screen, over the recorded logs."""
    app = HomeApp(LOG.parent, lambda folder: folder.name == LOG.name, clock=Noon())
    async with app.run_test(size=(100, 14)) as pilot:
        waited_s = 0.0
        while not app.screen.query(HomePane) or (
            app.screen.query_one(HomePane).studies is None
        ):
            await pilot.pause(0.05)
            waited_s += 0.05
            if waited_s > PATIENCE_S:
                raise TimeoutError("home: the studies were not listed")
        await pilot.pause(0.5)
        return app.export_screenshot(title="tuitrain · home")


async def draw(shot: Shot) -> str:
    """Return the SVG of one picture."""
    app = TuitrainApp(ReplayFeed(shot.log), lambda trial: find_log(shot.log, trial))
    app.theme = shot.theme
    async with app.run_test(size=(shot.columns, shot.rows)) as pilot:
        feed = app.feed
        assert isinstance(feed, ReplayFeed)
        feed.wish(lambda player: player.seek(shot.position_s))
        waited_s = 0.0
        # On a slow machine, what is read so far is shown before it is moved to a moment.
        while not app.link.is_replay or app.link.is_reading or app.link.is_playing:
            await pilot.pause(0.05)
            waited_s += 0.05
            if waited_s > PATIENCE_S:
                raise TimeoutError(f"{shot.name}: the replay did not stop")
        await pilot.press(*shot.keys)
        await pilot.pause(0.5)
        return app.export_screenshot(title=f"tuitrain · {shot.name}")


def main() -> int:
    """Draw or check all pictures; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    for name in ("NO_COLOR", "TEXTUAL_THEME", "SSH_CONNECTION"):
        os.environ.pop(name, None)
    os.chdir(ROOT)  # paths on the screen are the same on every machine
    changed = []
    pictures = {shot.name: draw(shot) for shot in SHOTS}
    pictures["home"] = draw_home()
    for name, drawing in pictures.items():
        picture = asyncio.run(drawing)
        path = HERE / f"{name}.svg"
        if not path.exists() or path.read_text(encoding="utf-8") != picture:
            changed.append(path.name)
            if not check:
                path.write_text(picture, encoding="utf-8")
    if changed:
        verb = "would change" if check else "drawn"
        sys.stderr.write(f"{verb}: {', '.join(changed)}\n")
    return int(check and bool(changed))


if __name__ == "__main__":
    sys.exit(main())
