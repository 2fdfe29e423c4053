"""Broken on purpose: a sigmoid before `BCEWithLogitsLoss`, which applies it again.

Is a digit odd? Step 1 stops it: it sees that all outputs lie in 0..1, so that no answer
"even" can be surer than 50 %.
"""

import torch
from torch import nn
from torch.utils.data import TensorDataset

from tuitrain import Task, Trial, train
from tuitrain.data import load_digits, split

images, labels = load_digits()
is_odd = (labels % 2 == 1).astype("float32")[:, None]
parts = [torch.from_numpy(part) for part in split(images, is_odd)]
train_set, val_set = TensorDataset(*parts[:2]), TensorDataset(*parts[2:])


def task(trial: Trial) -> Task:
    """Return what one trial trains."""
    return Task(
        # BCEWithLogitsLoss wants raw scores: the Sigmoid has to go.
        model=nn.Sequential(
            nn.Flatten(),
            nn.Linear(64, 128),
            nn.ReLU(),
            nn.Linear(128, 128),
            nn.ReLU(),
            nn.Linear(128, 1),
            nn.Sigmoid(),
        ),
        train=train_set,
        val=val_set,
        batch_size=32,
        loss=nn.BCEWithLogitsLoss(),
        optimizer=lambda params: torch.optim.AdamW(
            params, lr=trial.lr, weight_decay=trial.weight_decay
        ),
    )


if __name__ == "__main__":
    train(task)
