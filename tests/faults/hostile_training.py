"""A real training whose every word is hostile: what it prints, measures and raises."""

import sys

import torch
from torch import nn

import tuitrain
from tests.faults.hostile import CORPUS

run = tuitrain.init(config={"lr": 1e-3, "weight_decay": 0.0})
model = nn.Linear(4, 3)
model.add_module("\x1b]52;c;RVZJTA==\x07[", nn.Linear(3, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=run.config["lr"])
loss_function = nn.CrossEntropyLoss()
run.watch(model, optimizer, loss=loss_function)
inputs, targets = torch.randn(8, 4), torch.randint(0, 3, (8,))
for text in CORPUS.values():
    sys.stdout.buffer.write(text.encode("utf-8", "surrogatepass") + b"\n")
sys.stdout.buffer.write(b"\xed\xa0\x80\xff\x9b31m " + b"y" * (1 << 20) + b"\n")
sys.stdout.flush()
for _epoch in run.epochs(1):
    for batch, wanted in run.batches([(inputs, targets)] * 3):
        loss = loss_function(model(batch), wanted)
        run.log({"loss": loss} | dict.fromkeys(CORPUS.values(), 0.5))
raise RuntimeError("".join(CORPUS.values()))
