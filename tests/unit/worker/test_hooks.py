"""What a script makes of its model: copies and files that our hooks have no part in."""

import copy
import io
from typing import Any

import torch
from torch import nn

import tuitrain
from tests.unit.worker.test_inspection import make_data, make_model


def test_a_watched_model_is_copied_and_saved_as_if_nobody_looked(tmp_path):
    """An average of weights is a copy that is made once training is set up."""
    model, loss = make_model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    run = tuitrain.init(config={"lr": 1e-3}, dir=tmp_path)
    run.watch(model, optimizer, loss=loss)
    inputs, targets = make_data(64)
    average: Any = None
    for x, y in run.batches(
        list(zip(inputs.split(16), targets.split(16), strict=True))
    ):
        optimizer.zero_grad()
        loss(model(x), y).backward()
        optimizer.step()
        average = copy.deepcopy(model).eval()
        copy.deepcopy(loss)(average(x), y)
    file = io.BytesIO()
    torch.save(model, file)
    run.finish()
    file.seek(0)
    loaded = torch.load(file, weights_only=False)
    model.eval()
    loaded.eval()
    assert torch.equal(average(inputs), model(inputs))
    assert torch.equal(loaded(inputs), model(inputs))
