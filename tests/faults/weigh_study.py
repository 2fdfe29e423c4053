"""Prints how many points a study holds and how much memory it takes, in a process of its own.

Run as `python -m tests.faults.weigh_study FOLDER`.
"""

import sys
from pathlib import Path

import numpy as np
import psutil

from tuitrain.model import StudyModel, fold
from tuitrain.sources import StudySource


def main() -> None:
    source = StudySource(Path(sys.argv[1]))
    process = psutil.Process()
    model = StudyModel()
    samples: list[tuple[int, int]] = []
    while bite := source.read():
        for record in bite:
            model = fold(model, record)
        points = sum(trial.points for trial in model.trials.values())
        samples.append((points, process.memory_info().rss))
    # By the slope, so that what any process takes at first does not count.
    later = np.array(samples[len(samples) // 4 :], dtype=float)
    bytes_each = float(np.polyfit(later[:, 0], later[:, 1], 1)[0])
    print(samples[-1][0], round(bytes_each * samples[-1][0]))


if __name__ == "__main__":
    main()
