"""A real training that is given secrets, by environment and argument, and fails."""

import argparse
import os

import torch
from torch import nn

import tuitrain

parser = argparse.ArgumentParser()
parser.add_argument("--token")
parser.add_argument("--password")
parser.add_argument("--url")
parser.add_argument("others", nargs="*")
given = parser.parse_intermixed_args()
assert "<redacted>" not in str(given)
assert given.token.startswith("arg-")
assert os.environ["SECRET_TOKEN_0"]

run = tuitrain.init(config={"lr": 1e-3, "weight_decay": 0.0})
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=run.config["lr"])
loss_function = nn.CrossEntropyLoss()
run.watch(model, optimizer, loss=loss_function)
inputs, targets = torch.randn(8, 4), torch.randint(0, 3, (8,))
for _epoch in run.epochs(1):
    for batch, wanted in run.batches([(inputs, targets)] * 3):
        run.log({"loss": loss_function(model(batch), wanted)})
raise RuntimeError("fails, so that a traceback is written as well")
