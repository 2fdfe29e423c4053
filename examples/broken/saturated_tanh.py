"""Broken on purpose: what goes into the tanh units is far too large.

The last layer would learn alone, with what the hidden ones happen to be, and reach a
validation accuracy of about 90 % where 97 % can be had. Step 1 stops it: nearly all tanh
values are saturated before the first update.
"""

import torch
from torch import nn
from torch.utils.data import TensorDataset

from tuitrain import Task, Trial, train
from tuitrain.data import load_digits, split

images, labels = load_digits()
parts = [torch.from_numpy(part) for part in split(images, labels)]
train_set, val_set = TensorDataset(*parts[:2]), TensorDataset(*parts[2:])


def initialize(module: nn.Module) -> None:
    """Draw the weights of a hidden layer."""
    if isinstance(module, nn.Linear) and module.out_features == 128:
        nn.init.normal_(module.weight, std=10)


def task(trial: Trial) -> Task:
    """Return what one trial trains."""
    model = nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, 128),
        nn.Tanh(),
        nn.Linear(128, 128),
        nn.Tanh(),
        nn.Linear(128, 10),
    )
    model.apply(initialize)
    return Task(
        model=model,
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
