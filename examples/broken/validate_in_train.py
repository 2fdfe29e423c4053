"""Broken on purpose: validation runs in training mode.

Dropout leaves out units while the validation loss is measured, so every figure is too
bad. Steps 1 and 2 have dropout off and can't see it; step 3 stops it.
"""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import tuitrain
from tuitrain.data import load_digits, split

run = tuitrain.init(config={"lr": 1e-3, "weight_decay": 1e-4, "dropout": 0.2})

images, labels = load_digits()
parts = [torch.from_numpy(part) for part in split(images, labels)]
train_loader = DataLoader(TensorDataset(*parts[:2]), batch_size=32, shuffle=True)
val_images, val_labels = parts[2:]

device = "cuda" if torch.cuda.is_available() else "cpu"
model = nn.Sequential(
    nn.Flatten(),
    nn.Linear(64, 128),
    nn.ReLU(),
    nn.Linear(128, 128),
    nn.ReLU(),
    nn.Dropout(run.config["dropout"]),
    nn.Linear(128, 10),
).to(device)
loss_function = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(
    model.parameters(), lr=run.config["lr"], weight_decay=run.config["weight_decay"]
)
run.watch(model, optimizer, loss=loss_function)


def measure(batch, targets):
    """Return loss and accuracy of one batch, as tensors."""
    scores = model(batch.to(device))
    targets = targets.to(device)
    accuracy = (scores.argmax(dim=1) == targets).float().mean()
    return loss_function(scores, targets), accuracy


for _ in run.epochs(20):
    model.train()
    for batch, targets in run.batches(train_loader):
        loss, accuracy = measure(batch, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.log({"loss": loss, "accuracy": accuracy})
    # model.eval() belongs here.
    with torch.no_grad():
        val_loss, val_accuracy = measure(val_images, val_labels)
    run.log_validation({"loss": val_loss, "accuracy": val_accuracy})
run.finish()
