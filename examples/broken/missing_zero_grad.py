"""Broken on purpose: nobody sets the gradients back to zero.

Step 1 stops it, though the loss is right: each backward pass adds to the gradients of
all the passes before.
"""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import tuitrain
from tuitrain.data import load_digits, split

run = tuitrain.init(config={"lr": 1e-3, "weight_decay": 1e-4})

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
        # optimizer.zero_grad() belongs here.
        loss.backward()
        optimizer.step()
        run.log({"loss": loss, "accuracy": accuracy})
    model.eval()
    with torch.no_grad():
        val_loss, val_accuracy = measure(val_images, val_labels)
    run.log_validation({"loss": val_loss, "accuracy": val_accuracy})
run.finish()
