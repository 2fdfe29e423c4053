"""How far diabetes progresses in a year: a regression with few and noisy samples.

tuitrain run examples/diabetes_regression.py
python examples/diabetes_regression.py
"""

import torch
from torch import nn
from torch.utils.data import TensorDataset

from tuitrain import Task, Trial, train
from tuitrain.data import load_diabetes, split

features, target = load_diabetes()
parts = [torch.from_numpy(part) for part in split(features, target[:, None])]
train_set, val_set = TensorDataset(*parts[:2]), TensorDataset(*parts[2:])


def task(trial: Trial) -> Task:
    """Return what one trial trains: a fresh network, the data, the loss."""
    hidden = trial.get("hidden", 256)
    return Task(
        model=nn.Sequential(
            nn.Linear(10, hidden),
            nn.ReLU(),
            nn.Dropout(trial.get("dropout", 0.2)),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Dropout(trial.get("dropout", 0.2)),
            nn.Linear(hidden, 1),
        ),
        train=train_set,
        val=val_set,
        batch_size=20,
        # The target has mean 0 and variance 1: always guessing the mean costs 1.
        loss=nn.MSELoss(),
        optimizer=lambda params: torch.optim.AdamW(
            params, lr=trial.lr, weight_decay=trial.weight_decay
        ),
    )


if __name__ == "__main__":
    train(task)
