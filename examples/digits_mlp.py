"""Handwritten digits with a small network: what `tuitrain demo` trains.

tuitrain run digits_mlp.py        the six steps
python digits_mlp.py              one training with the default configuration
"""

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from tuitrain import Task, Trial, train
from tuitrain.data import load_digits, split

images, labels = load_digits()
parts = [torch.from_numpy(part) for part in split(images, labels)]
train_set, val_set = TensorDataset(*parts[:2]), TensorDataset(*parts[2:])


class Net(nn.Module):
    """Two hidden layers; `fc1`, `fc2` and `out` are the names on the screen."""

    def __init__(self, hidden: int = 128, dropout: float = 0.2) -> None:
        super().__init__()
        self.fc1 = nn.Linear(64, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.out = nn.Linear(hidden, 10)
        self.dropout = nn.Dropout(dropout)

    def forward(self, images: Tensor) -> Tensor:
        """Return one score a class, shape (batch, 10)."""
        hidden = torch.relu(self.fc1(images.flatten(1)))
        hidden = self.dropout(torch.relu(self.fc2(hidden)))
        scores: Tensor = self.out(hidden)
        return scores


def task(trial: Trial) -> Task:
    """Return what one trial trains: a fresh network, the data, the loss."""
    return Task(
        model=Net(hidden=trial.get("hidden", 128), dropout=trial.get("dropout", 0.2)),
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
