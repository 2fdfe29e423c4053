"""Handwritten digits with a small convolutional network.

tuitrain run examples/digits_cnn.py        the six steps
python examples/digits_cnn.py              one training with the default configuration
"""

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from tuitrain import Task, Trial, train
from tuitrain.data import load_digits, split

images, labels = load_digits()
parts = [torch.from_numpy(part) for part in split(images[:, None], labels)]
train_set, val_set = TensorDataset(*parts[:2]), TensorDataset(*parts[2:])


class Net(nn.Module):
    """Two convolutions, one pooling, one hidden layer."""

    def __init__(self, channels: int, dropout: float, *, augment: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, 2 * channels, 3, padding=1)
        self.fc = nn.Linear(2 * channels * 16, 64)
        self.out = nn.Linear(64, 10)
        self.dropout = nn.Dropout(dropout)
        self.augment = augment

    def forward(self, images: Tensor) -> Tensor:
        """Return one score a class, shape (batch, 10)."""
        if self.training and self.augment:
            images = images + 0.1 * torch.randn_like(images)
        maps = torch.relu(self.conv1(images))
        maps = nn.functional.max_pool2d(torch.relu(self.conv2(maps)), 2)
        hidden = self.dropout(torch.relu(self.fc(maps.flatten(1))))
        scores: Tensor = self.out(hidden)
        return scores


def task(trial: Trial) -> Task:
    """Return what one trial trains: a fresh network, the data, the loss."""
    return Task(
        # Steps that run without regularization run without augmentation too.
        model=Net(
            trial.get("channels", 8),
            trial.get("dropout", 0.2),
            augment=trial.regularize,
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
