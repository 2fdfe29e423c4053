"""Broken on purpose: the loss is summed over the minibatch and not averaged.

The first loss is 32 ln 10, as it should be for a sum of 32. But a minibatch has twice the
loss of its half, and step 1 stops it for that: the LR that suits it would change with
the size of the minibatch.
"""

import torch
from torch import nn
from torch.utils.data import TensorDataset

from tuitrain import Task, Trial, train
from tuitrain.data import load_digits, split

images, labels = load_digits()
parts = [torch.from_numpy(part) for part in split(images, labels)]
train_set, val_set = TensorDataset(*parts[:2]), TensorDataset(*parts[2:])


def task(trial: Trial) -> Task:
    """Return what one trial trains."""
    return Task(
        model=nn.Sequential(
            nn.Flatten(),
            nn.Linear(64, 128),
            nn.ReLU(),
            nn.Linear(128, 128),
            nn.ReLU(),
            nn.Linear(128, 10),
        ),
        train=train_set,
        val=val_set,
        batch_size=32,
        loss=nn.CrossEntropyLoss(reduction="sum"),
        optimizer=lambda params: torch.optim.AdamW(
            params, lr=trial.lr, weight_decay=trial.weight_decay
        ),
    )


if __name__ == "__main__":
    train(task)
