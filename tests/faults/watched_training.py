"""A small real training whose acknowledged points are counted outside of the program.

What `LogWriter.append` returned counts as acknowledged: those very lines go, after it
returned, into a file of this script's own, `OUTSIDE/<trial>`. The training ends when
`OUTSIDE/finish` is there, and leaves how long each `run.log()` took in
`OUTSIDE/<trial>.npy`: when it was called and for how long, in seconds.
"""

import os
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

import tuitrain

FLOOD, SERIES = 10, 400
MORE = {f"more_{n}": float(n) for n in range(int(os.environ.get("MORE", "0")))}
"""Logged beside the loss, for more points a second than iterations."""

outside = Path(os.environ["OUTSIDE"])
pause_s = float(os.environ.get("PAUSE_S", "0.02"))
run = tuitrain.init(config={"lr": 1e-3, "weight_decay": 0.0})
session = run._session
side = os.open(
    outside / session.spec.trial, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600
)
writer = session.recorder._writer
assert writer is not None
append = writer.append


def append_and_note(events):
    """Do what `append` does, and note what it acknowledged."""
    lines = append(events)
    noted = b"".join(lines)
    assert os.write(side, noted) == len(noted)
    return lines


setattr(writer, "append", append_and_note)  # noqa: B010 - a method, not a field
torch.manual_seed(0)
inputs, targets = torch.randn(64, 8), torch.randint(0, 4, (64,))
model = nn.Linear(8, 4)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=run.config["lr"])
run.watch(model, optimizer, loss=criterion)
count = 0
is_timed = "UNTIMED" not in os.environ
times: list[tuple[float, float]] = []
while not (outside / "finish").exists() and not session.is_over():
    loss = criterion(model(inputs), targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    count += 1
    began_s = time.monotonic()
    run.log({"loss": loss, "count": float(count), **MORE})
    if is_timed:
        times.append((began_s, time.monotonic() - began_s))
    if count % 50 == 0:
        print(f"iteration {count}")
    time.sleep(pause_s)
    # As many series as this, each at an iteration of its own, are as many events, so
    # that more has to wait in memory than is kept.
    if (outside / "flood").exists():
        first = FLOOD * count
        for number in range(first, first + FLOOD):
            run.log({f"flood_{number % SERIES}": 0.0}, iteration=number)
np.save(outside / session.spec.trial, np.array(times))
run.finish()
