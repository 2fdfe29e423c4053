"""Broken on purpose: half of the validation samples are training samples, too.

Step 1 stops it: it compares the samples one by one. Left alone everything looks fine,
and the validation accuracy is too good.
"""

import torch
from torch import nn
from torch.utils.data import TensorDataset

from tuitrain import Task, Trial, train
from tuitrain.data import load_digits

images, labels = (torch.from_numpy(part) for part in load_digits())
# Meant to be 1400 in both places.
train_set = TensorDataset(images[:1600], labels[:1600])
val_set = TensorDataset(images[1400:], labels[1400:])


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
        loss=nn.CrossEntropyLoss(),
        optimizer=lambda params: torch.optim.AdamW(
            params, lr=trial.lr, weight_decay=trial.weight_decay
        ),
    )


if __name__ == "__main__":
    train(task)
