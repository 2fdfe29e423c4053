"""Studies with long logs, written as a training process would have written them."""

import math
from pathlib import Path

import tomli_w

from tests.studies import StudyMaker
from tuitrain.events import (
    PointsMeasured,
    Step,
    TrialId,
    TrialLimits,
    TrialQueued,
    TrialStarted,
)
from tuitrain.launch import ProcessIdentity
from tuitrain.store import LogWriter, StudyFolder

BATCH = 100
"""Iterations in a line: what 1,000 a second and ten batches a second make."""


def make_study_with_points(
    path: Path, points: int, living: ProcessIdentity
) -> StudyFolder:
    """Write a study whose one trial has measured `points` and still runs.

    Args:
        path: Where to.
        points: Of the trial.
        living: The process that is the trial's, for all anybody can tell.
    """
    maker = StudyMaker(path, script="/nowhere/train.py")
    maker.step(Step.INITIAL_LOSS)
    trial = TrialId("0001")
    maker.journal(
        TrialQueued(
            trial=trial,
            step=Step.INITIAL_LOSS,
            round=1,
            attempt=1,
            config={},
            limits=TrialLimits(),
            seed=0,
        )
    )
    folder = maker.folder.trial(trial)
    folder.path.mkdir()
    LogWriter(folder.state, "0001/state").append(
        [
            TrialStarted(
                trial=trial,
                pid=living.pid,
                start_ticks=living.start_ticks,
                boot_id=living.boot_id,
                shim_pid=living.pid,
                shim_start_ticks=living.start_ticks,
                device="cpu",
                threads=1,
                how="warm",
            )
        ]
    )
    log = LogWriter(folder.points, "0001/points")
    for first in range(1, points // 2, BATCH):
        rows = list(range(first, first + BATCH))
        losses = [2.3 + 0.01 * math.sin(row) for row in rows]
        log.append(
            [
                PointsMeasured(
                    trial=trial,
                    iteration=rows,
                    values={"loss": list(losses), "accuracy": list(losses)},
                )
            ]
        )
    log.close()
    settings = {
        "script": "/nowhere/train.py",
        "devices": {"gpus": "none", "slots": 1, "cold": True},
    }
    maker.folder.settings.write_text(tomli_w.dumps(settings))
    return maker.folder
