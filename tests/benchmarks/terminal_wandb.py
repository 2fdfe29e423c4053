"""The same made-up curves as a W&B run, for its terminal viewer; needs `wandb`.

`python -m tests.benchmarks.terminal_wandb FOLDER` logs at the rate of our own stream
until ended; with a number of points after it, all of them at once. Offline: nothing
leaves the machine.
"""

import importlib.util
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.terminal_study import POINTS_PER_S, Curve
from tuitrain.events import PointsMeasured, TrialId

PER_BITE = 50

MISSING = "needs W&B: pip install wandb"


def is_installed() -> bool:
    """Whether the viewer can be run."""
    return importlib.util.find_spec("wandb") is not None


def leet_command() -> list[str]:
    """Return the command of the viewer; it shows the newest run of its folder."""
    return [str(Path(sys.executable).with_name("wandb")), "leet"]


def write_command(folder: Path, points: int | None = None) -> list[str]:
    """Return the command that writes a run below `folder`."""
    size = [] if points is None else [str(points)]
    return [sys.executable, "-m", "tests.benchmarks.terminal_wandb", str(folder), *size]


def _measured() -> Iterator[dict[str, float]]:
    curve, first = Curve(0), 1
    while True:
        (points,) = curve.measure(TrialId("0001"), first, PER_BITE, ())
        assert isinstance(points, PointsMeasured)
        columns = points.values
        for row in zip(columns["loss"], columns["accuracy"], strict=True):
            yield {"loss": float(row[0]), "accuracy": float(row[1])}
        first += PER_BITE


def main() -> None:
    import wandb

    folder = Path(sys.argv[1])
    iterations = int(sys.argv[2]) // 2 if len(sys.argv) > 2 else None
    settings = wandb.Settings(mode="offline", silent=True, console="off")
    run = wandb.init(project="played", dir=folder, settings=settings)
    print("playing, no training", flush=True)
    due_s = time.monotonic()
    for number, values in enumerate(_measured()):
        if number == iterations:
            break
        run.log(values)
        if iterations is None:
            due_s += 1 / POINTS_PER_S
            time.sleep(max(0.0, due_s - time.monotonic()))
    run.finish()


if __name__ == "__main__":
    main()
