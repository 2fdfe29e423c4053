"""Broken on purpose: the images are multiplied by a mask that is zero everywhere.

The first loss is about ln 10 all the same. But all that the first layer is fed is 0, and
step 1 stops it for that.
"""

import torch
from torch import nn
from torch.utils.data import TensorDataset

from tuitrain import Task, Trial, train
from tuitrain.data import load_digits, split

images, labels = load_digits()
parts = [torch.from_numpy(part) for part in split(images, labels)]
train_set, val_set = TensorDataset(*parts[:2]), TensorDataset(*parts[2:])


class Mask(nn.Module):
    """Leaves some pixels out."""

    def __init__(self) -> None:
        super().__init__()
        # Meant to be 1 wherever a pixel is kept; nobody sets it.
        self.register_buffer("keep", torch.zeros(8, 8))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the images with the pixels that are kept."""
        return images * self.keep


def task(trial: Trial) -> Task:
    """Return what one trial trains."""
    return Task(
        model=nn.Sequential(
            Mask(),
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
