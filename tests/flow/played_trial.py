"""A played trial: writes and offers the points of a healthy first step, without torch.

Run by the stand-in for the worker. It measures as many losses as the configuration's `points` says, near
ln 10; from the third on it takes its time, until a file `go` lies in the study folder.
"""

import math
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from tuitrain.events import (
    Event,
    LossFacts,
    OutcomeKind,
    PointsMeasured,
    TaskDescribed,
    TrialFinished,
)
from tuitrain.store import LogWriter, TrialFolder, read_spec
from tuitrain.wire import WIRE_VERSION, Hello
from tuitrain.worker.offering import LineOffer

folder = TrialFolder(Path(os.environ["TUITRAIN_TRIAL"]))
spec = read_spec(folder.spec)
points = int(spec.config["points"])
log = LogWriter(folder.points, f"{spec.trial}/points", booted_at_s=spec.booted_at_s)
hello = Hello(version=WIRE_VERSION, role="trial", study=spec.study, trial=spec.trial)
assert spec.socket is not None
offer = LineOffer(Path(spec.socket), hello)


def tell(event: Event) -> None:
    """Write an event, then offer the same line."""
    offer.offer(log.append([event]))


def finish(outcome: OutcomeKind, iteration: int) -> None:
    """Say the last word."""
    tell(TrialFinished(trial=spec.trial, outcome=outcome, iteration=iteration))


def stop(_number: int, _frame: FrameType | None) -> None:
    """End on SIGTERM, as a training process does."""
    finish(OutcomeKind.STOPPED, 0)
    sys.exit(0)


signal.signal(signal.SIGTERM, stop)
tell(
    TaskDescribed(
        trial=spec.trial,
        loss=LossFacts(
            name="CrossEntropyLoss",
            kind="cross_entropy",
            reduction="mean",
            classes=10,
            batch_size=128,
        ),
        parameters=1000,
        layers=["fc1"],
        metrics=["loss"],
    )
)
go = folder.path.parent.parent / "go"
for iteration in range(1, points + 1):
    if iteration > 2 and not go.exists():
        time.sleep(0.02)
    loss = math.log(10) + 0.01 * math.sin(iteration)
    tell(
        PointsMeasured(trial=spec.trial, iteration=[iteration], values={"loss": [loss]})
    )
finish(OutcomeKind.COMPLETED, points)
