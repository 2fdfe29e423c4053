"""Broken on purpose: `view` where `transpose` is meant mixes the images of a minibatch.

The shapes fit, and so does the first loss. Step 1 stops it all the same: it lets the
images of a minibatch change places, and the answer to the one that stayed is another.
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
    """Looks at an image row by row."""

    def __init__(self) -> None:
        super().__init__()
        self.row = nn.Linear(8, 32)
        self.last = nn.Linear(8 * 32, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the scores of each image."""
        # From (image, row, pixel) to (row, image, pixel): images.transpose(0, 1).
        rows = images.view(8, -1, 8)
        hidden = torch.relu(self.row(rows))
        return self.last(hidden.transpose(0, 1).flatten(1))


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
