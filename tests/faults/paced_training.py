"""A real training with a loop of its own that takes its time until it may go.

Each iteration trains a small network on the CPU and then waits, so that faults can be
injected for as long as it takes. A file `go` beside the study ends it in good order.
"""

import os
import time
from pathlib import Path

import torch
from torch import nn

import tuitrain

PACE_S = 0.02

run = tuitrain.init(config={"lr": 1e-3, "weight_decay": 0.0})
go = Path(os.environ["TUITRAIN_TRIAL"]).parents[2] / "go"

torch.manual_seed(0)
inputs, targets = torch.randn(64, 16), torch.randint(0, 10, (64,))
batches = [(inputs, targets)] * 1_000_000
model = nn.Linear(16, 10)
loss_function = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=run.config["lr"])
run.watch(model, optimizer, loss=loss_function)

for _epoch in run.epochs(1):
    for batch, wanted in run.batches(batches):
        loss = loss_function(model(batch), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.log({"loss": loss})
        if go.exists():
            break
        time.sleep(PACE_S)
    break
run.finish()
