"""Broken on purpose: outputs of shape (N, 1) meet targets of shape (N,).

`MSELoss` spreads them out to (N, N) and compares every output with every target. The
first loss is about right, but step 1 compares the shapes, too, and stops it. Left alone,
the loss gets stuck far above 0.
"""

import torch
from torch import nn
from torch.utils.data import TensorDataset

from tuitrain import Task, Trial, train
from tuitrain.data import load_diabetes, split

features, target = load_diabetes()
# target[:, None] would have the shape of the outputs.
parts = [torch.from_numpy(part) for part in split(features, target)]
train_set, val_set = TensorDataset(*parts[:2]), TensorDataset(*parts[2:])


def task(trial: Trial) -> Task:
    """Return what one trial trains."""
    return Task(
        model=nn.Sequential(
            nn.Linear(10, 256),
            nn.ReLU(),
            nn.Linear(256, 256),
            nn.ReLU(),
            nn.Linear(256, 1),
        ),
        train=train_set,
        val=val_set,
        batch_size=20,
        loss=nn.MSELoss(),
        optimizer=lambda params: torch.optim.AdamW(
            params, lr=trial.lr, weight_decay=trial.weight_decay
        ),
    )


if __name__ == "__main__":
    train(task)
