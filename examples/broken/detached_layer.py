"""Broken on purpose: `detach()` cuts the first layer off from the loss.

The loss starts as it should, so step 1 passes. The layers behind may learn step 2 by
heart, but no gradient ever reaches the first one, and step 2 stops it.
"""

import torch
from torch import nn
from torch.utils.data import TensorDataset

from tuitrain import Task, Trial, train
from tuitrain.data import load_digits, split

images, labels = load_digits()
parts = [torch.from_numpy(part) for part in split(images, labels)]
train_set, val_set = TensorDataset(*parts[:2]), TensorDataset(*parts[2:])


class Net(nn.Module):
    """Two hidden layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(64, 128)
        self.second = nn.Linear(128, 128)
        self.last = nn.Linear(128, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the scores of each image."""
        hidden = torch.relu(self.first(images.flatten(1))).detach()
        return self.last(torch.relu(self.second(hidden)))


def task(trial: Trial) -> Task:
    """Return what one trial trains."""
    return Task(
        model=Net(),
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
