"""Handwritten digits with a loop of its own that loses nothing when it is killed.

tuitrain run examples/digits_resumable.py        the six steps

Model, optimizer and schedule are kept because run.watch knows them, the order of the data
and the random state by themselves, and all else because run.keep is told.
"""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import tuitrain
from tuitrain.data import load_digits, split

run = tuitrain.init(config={"lr": 1e-3, "weight_decay": 1e-4, "batch_size": 32})

parts = [torch.from_numpy(part) for part in split(*load_digits())]
train_set, val_images, val_labels = TensorDataset(*parts[:2]), parts[2], parts[3]
loader = DataLoader(train_set, batch_size=run.config["batch_size"], shuffle=True)

device = "cuda" if torch.cuda.is_available() else "cpu"
model = nn.Sequential(
    nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10)
).to(device)
loss_function = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(
    model.parameters(), lr=run.config["lr"], weight_decay=run.config["weight_decay"]
)
# Validated instead of the model; copied before run.watch looks into it.
average = torch.optim.swa_utils.AveragedModel(model)
run.watch(model, optimizer, loss=loss_function)

scaler = torch.amp.GradScaler(device)
counters = {"seen": 0, "best": 0.0}
run.keep(scaler=scaler, average=average, counters=counters)

for epoch in run.epochs(20):
    model.train()
    for images, labels in run.batches(loader):
        with torch.autocast(device, dtype=torch.bfloat16):
            scores = model(images.to(device))
            loss = loss_function(scores, labels.to(device))
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        average.update_parameters(model)
        counters["seen"] += len(labels)
        accuracy = (scores.argmax(dim=1).cpu() == labels).float().mean()
        run.log({"loss": loss, "accuracy": accuracy})
    average.eval()
    with torch.no_grad():
        scores = average(val_images.to(device)).cpu()
    accuracy = (scores.argmax(dim=1) == val_labels).float().mean().item()
    counters["best"] = max(counters["best"], accuracy)
    run.log_validation(
        {"loss": loss_function(scores, val_labels), "accuracy": accuracy}
    )
    print(f"epoch {epoch + 1}: {counters['seen']} samples, best {counters['best']:.3f}")
run.finish()
