"""Broken on purpose: some images have a pixel that is NaN.

Step 1 stops it: the loss is NaN before any update, since one such image is enough to
make the mean of its minibatch NaN.
"""

import torch
from torch import nn
from torch.utils.data import TensorDataset

from tuitrain import Task, Trial, train
from tuitrain.data import load_digits, split

images, labels = load_digits()
# A pixel that was not measured, in every tenth image.
images[::10, 3, 3] = float("nan")
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
        loss=nn.CrossEntropyLoss(),
        optimizer=lambda params: torch.optim.AdamW(
            params, lr=trial.lr, weight_decay=trial.weight_decay
        ),
    )


if __name__ == "__main__":
    train(task)
