"""Broken on purpose: a softmax before `CrossEntropyLoss`, which applies it again.

The first loss is about ln 10, as it should be. Step 1 stops it all the same: it sees
that the model puts out probabilities. Left alone the loss never falls below 1.46.
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
        # CrossEntropyLoss wants raw scores: the Softmax has to go.
        model=nn.Sequential(
            nn.Flatten(),
            nn.Linear(64, 128),
            nn.ReLU(),
            nn.Linear(128, 128),
            nn.ReLU(),
            nn.Linear(128, 10),
            nn.Softmax(dim=1),
        ),
        train=train_set,
        val=val_set,
        batch_size=32,
        loss=nn.CrossEntropyLoss(),
        optimizer=lambda params: torch.optim.AdamW(
            params, lr=trial.lr, weight_decay=trial.weight_decay
        ),
    )


if __name__ == "__main__":
    train(task)
