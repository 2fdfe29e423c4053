"""Make the logs beside this file: `python tests/logs/curves/record.py [NAME…]`.

Each is one real training of a small torch model on the CPU, on the data sets that ship
with tuitrain (handwritten digits, diabetes), run by tuitrain's own loop and recorded as
it was; only the values are rounded to five digits. The name says what a rule must see
in it, or that there is nothing to see. Recorded with torch 2.13.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from tuitrain import Task, Trial
from tuitrain.data import load_diabetes, load_digits, split
from tuitrain.events import (
    Config,
    Event,
    PointsMeasured,
    Step,
    TrialId,
    TrialLimits,
    TrialQueued,
    to_column,
    to_numbers,
)
from tuitrain.sources import StudySource
from tuitrain.store import LogWriter, TrialFolder, TrialSpec, write_spec
from tuitrain.worker.entry import run_trial

HERE = Path(__file__).parent
TRIAL = TrialId("0001")

digits = [torch.from_numpy(part) for part in split(*load_digits())]
diabetes = [torch.from_numpy(part) for part in split(*load_diabetes())]


def mlp(width: int = 64, layers: int = 2, act: type[nn.Module] = nn.ReLU) -> nn.Module:
    parts: list[nn.Module] = [nn.Flatten(), nn.Linear(64, width), act()]
    for _ in range(layers - 1):
        parts += [nn.Linear(width, width), act()]
    return nn.Sequential(*parts, nn.Linear(width, 10))


class AsImages(nn.Module):
    def forward(self, values: Tensor) -> Tensor:
        return values.reshape(-1, 1, 8, 8)


def cnn() -> nn.Module:
    return nn.Sequential(
        AsImages(),
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.1),
        nn.Linear(256, 10),
    )


def classify(
    trial: Trial,
    model: nn.Module | None = None,
    *,
    sgd: bool = False,
    samples: int | None = None,
    noise: float = 0.0,
    shuffled: bool = False,
    factor: float = 1.0,
    milestone: int | None = None,
    batch_size: int = 64,
) -> Task:
    train_x, train_y, val_x, val_y = digits
    train_x, train_y = train_x[:samples], train_y[:samples].clone()
    chance = torch.Generator().manual_seed(1)
    if shuffled:
        train_y = train_y[torch.randperm(len(train_y), generator=chance)]
    wrong = torch.rand(len(train_y), generator=chance) < noise
    train_y[wrong] = torch.randint(0, 10, (int(wrong.sum()),), generator=chance)

    def optimizer(parameters):
        lr, decay = trial.lr * factor, trial.weight_decay
        if sgd:
            return torch.optim.SGD(parameters, lr, momentum=0.9, weight_decay=decay)
        return torch.optim.AdamW(parameters, lr, weight_decay=decay)

    def scheduler(optimizer):
        return torch.optim.lr_scheduler.MultiStepLR(optimizer, [milestone or 0], 0.01)

    return Task(
        model=model or mlp(),
        train=TensorDataset(train_x, train_y),
        val=TensorDataset(val_x, val_y),
        batch_size=batch_size,
        loss=nn.CrossEntropyLoss(),
        optimizer=optimizer,
        scheduler=scheduler if milestone else None,
    )


def regress(
    trial: Trial,
    model: nn.Module | None = None,
    *,
    sgd: bool = False,
    batch_size: int = 32,
) -> Task:
    train_x, train_y, val_x, val_y = diabetes
    mean, spread = train_y.mean(), train_y.std()
    kind = torch.optim.SGD if sgd else torch.optim.AdamW
    return Task(
        model=model or nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1)),
        train=TensorDataset(train_x, ((train_y - mean) / spread).reshape(-1, 1)),
        val=TensorDataset(val_x, ((val_y - mean) / spread).reshape(-1, 1)),
        batch_size=batch_size,
        loss=nn.MSELoss(),
        optimizer=lambda parameters: kind(parameters, lr=trial.lr),
    )


def changed(model: nn.Module, change: Callable[[Tensor], object]) -> nn.Module:
    for parameter in model.parameters():
        change(parameter.data)
    return model


def slow_layer() -> nn.Module:
    model = mlp()
    assert isinstance(model, nn.Sequential)
    first = model[1]
    assert isinstance(first, nn.Linear)
    # Huge weights whose outputs are normalized again: each update is next to nothing.
    first.weight.data *= 3000
    model.insert(2, nn.LayerNorm(64))
    return model


EPOCHS = TrialLimits(epochs=15)

CASES: dict[str, tuple[Callable[[Trial], Task], float, TrialLimits]] = {
    "healthy_mlp": (classify, 3e-3, EPOCHS),
    "healthy_mlp_sgd": (lambda t: classify(t, sgd=True), 0.1, EPOCHS),
    "healthy_cnn": (lambda t: classify(t, cnn()), 1e-2, EPOCHS),
    "healthy_regression": (regress, 3e-3, EPOCHS),
    "overfitting": (
        lambda t: classify(t, samples=300, noise=0.3, batch_size=32),
        5e-3,
        TrialLimits(epochs=60),
    ),
    "overconfidence": (
        lambda t: classify(t, mlp(128), samples=300, batch_size=32),
        1e-2,
        TrialLimits(epochs=60),
    ),
    "generalization_gap": (
        lambda t: classify(t, samples=80),
        3e-3,
        TrialLimits(epochs=60),
    ),
    "underfitting": (lambda t: classify(t, mlp(1)), 3e-2, TrialLimits(epochs=40)),
    "bad_initialization": (
        lambda t: classify(t, mlp(64, 3, nn.Sigmoid), sgd=True, batch_size=32),
        0.3,
        TrialLimits(epochs=20),
    ),
    "loss_plateau": (
        lambda t: regress(t, nn.Linear(10, 1), sgd=True, batch_size=128),
        0.02,
        TrialLimits(epochs=200),
    ),
    "lr_decayed_too_early": (
        lambda t: classify(t, sgd=True, milestone=6),
        1e-2,
        TrialLimits(epochs=20),
    ),
    "needs_longer_training": (lambda t: classify(t, sgd=True), 4e-3, EPOCHS),
    "divergence": (
        lambda t: regress(t, nn.Linear(10, 1), sgd=True),
        0.28,
        TrialLimits(iterations=40),
    ),
    "non_finite": (lambda t: regress(t, sgd=True), 1.0, TrialLimits(iterations=200)),
    "lr_too_low": (lambda t: classify(t, sgd=True), 3e-5, EPOCHS),
    "lr_too_high": (lambda t: classify(t), 0.3, EPOCHS),
    "lr_not_in_force": (
        lambda t: classify(t, factor=1000),
        1e-3,
        TrialLimits(epochs=4),
    ),
    "symmetric_initialization": (
        lambda t: classify(t, changed(mlp(), lambda p: p.zero_())),
        1e-2,
        TrialLimits(epochs=4),
    ),
    "labels_carry_no_signal": (
        lambda t: classify(t, mlp(256), shuffled=True, samples=500),
        3e-3,
        TrialLimits(epochs=30),
    ),
    "update_ratio_off": (lambda t: classify(t, slow_layer()), 3e-3, EPOCHS),
}


def task(trial: Trial) -> Task:
    make, _, _ = CASES[str(trial.config["case"])]
    return make(trial)


def record(name: str) -> None:
    _, lr, limits = CASES[name]
    config: Config = {"lr": lr, "weight_decay": 1e-4}
    with tempfile.TemporaryDirectory() as folder:
        place = TrialFolder(Path(folder) / TRIAL)
        place.path.mkdir()
        spec = TrialSpec(
            trial=TRIAL,
            study=name,
            script=str(Path(__file__).resolve()),
            function="task",
            step=Step.REFINE_GRID,
            config={**config, "case": name},
            limits=limits,
        )
        write_spec(place.spec, spec)
        run_trial(place.path)
        events = [record.event for record in StudySource(place.path).read_all()]
    queued = TrialQueued(
        trial=TRIAL,
        step=Step.REFINE_GRID,
        round=1,
        attempt=1,
        config=config,
        limits=limits,
        seed=0,
    )
    path = HERE / f"{name}.jsonl"
    path.unlink(missing_ok=True)
    writer = LogWriter(path, name)
    writer.append([queued, *(_rounded(event) for event in events[1:])])
    writer.close()


def _rounded(event: Event) -> Event:
    if not isinstance(event, PointsMeasured):
        return event
    values = {
        name: to_column([float(f"{value:.5g}") for value in to_numbers(column)])
        for name, column in event.values.items()
    }
    return PointsMeasured(trial=event.trial, iteration=event.iteration, values=values)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for case in sys.argv[1:] or CASES:
        record(case)
