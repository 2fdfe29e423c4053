"""Make the logs beside this file: `python tests/logs/findings/record.py [NAME…]`.

One small real training a kind of finding that `tests/logs/curves` has no run of, on the
data sets that ship with tuitrain, run by tuitrain's own loop or by one of the loops below,
and recorded as it was; only the values are rounded to five digits, of the looks inside
the newest is kept, and the time of each event is made up. `stalled` is a training whose
end was cut off, with a reading of the GPUs 15 minutes later. `out_of_memory` has no GPU
either: its loss raises torch's own error with the words of a real one. Recorded with torch
2.13.
"""

import math
import sys
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import msgspec
import torch
from models import (  # type: ignore[import-not-found]
    Detached,
    Mask,
    Mixing,
    all_normal,
    growing,
    low_biases,
    mlp,
    wide_tanh,
)
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import tuitrain
from tuitrain import Task, Trial
from tuitrain.data import load_digits, split
from tuitrain.events import (
    Config,
    Event,
    GpusSampled,
    PointsMeasured,
    Step,
    TaskInspected,
    TrialFinished,
    TrialId,
    TrialLimits,
    TrialQueued,
    TrialStarted,
    to_column,
    to_numbers,
)
from tuitrain.sources import StudySource
from tuitrain.store import LogWriter, TrialFolder, TrialSpec, write_spec
from tuitrain.units import Seconds
from tuitrain.worker.entry import run_trial

HERE = Path(__file__).parent
TRIAL = TrialId("0001")
SILENT_S = 900.0
"""From the last point of `stalled` to the newest event."""

digits = [torch.from_numpy(part) for part in split(*load_digits())]

STARTED = TrialStarted(
    trial=TRIAL,
    pid=2,
    start_ticks=0,
    boot_id="made up",
    shim_pid=1,
    shim_start_ticks=0,
    device="cpu",
    threads=1,
    how="warm",
)


class MadeUpClock:
    """Two seconds from one event to the next."""

    def __init__(self) -> None:
        self.at_s = 1.79e9

    def wall_s(self) -> Seconds:
        return Seconds(self.at_s)

    def mono_s(self) -> Seconds:
        return Seconds(self.at_s - 1.79e9)


# --- models ---


def classify(
    trial: Trial,
    model: nn.Module | None = None,
    *,
    loss: Callable[[Tensor, Tensor], Tensor] | None = None,
    change: Callable[[Tensor], Tensor] = lambda images: images,
    kept: Callable[[list[nn.Parameter]], Iterable[nn.Parameter]] = list,
    schedule: Callable[[int], float] | None = None,
    batch_size: int = 64,
    sgd: bool = False,
) -> Task:
    train_x, train_y, val_x, val_y = digits
    kind = partial(torch.optim.SGD, momentum=0.9) if sgd else torch.optim.AdamW
    scheduler = None
    if schedule is not None:
        scheduler = lambda made: torch.optim.lr_scheduler.LambdaLR(made, schedule)  # noqa: E731
    return Task(
        model=model or mlp(),
        train=TensorDataset(change(train_x), train_y),
        val=TensorDataset(change(val_x), val_y),
        batch_size=batch_size,
        loss=loss or nn.CrossEntropyLoss(),
        optimizer=lambda parameters: kind(
            kept(parameters), lr=trial.lr, weight_decay=trial.weight_decay
        ),
        scheduler=scheduler,
        scheduler_every="iteration",
    )


def overlapping(trial: Trial) -> Task:
    """Meant to be 1400 in both places."""
    images, labels = (torch.from_numpy(part) for part in load_digits())
    return Task(
        model=mlp(),
        train=TensorDataset(images[:1600], labels[:1600]),
        val=TensorDataset(images[1400:], labels[1400:]),
        batch_size=64,
        loss=nn.CrossEntropyLoss(),
        optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=trial.lr),
    )


def cosine(step: int) -> float:
    """To 0 within the first six epochs."""
    return 0.5 + 0.5 * math.cos(math.pi * min(1.0, step / 138))


def heavy_class() -> nn.Module:
    """The loss counts zeros a hundred times as much as the other digits."""
    weight = torch.ones(10)
    weight[0] = 100
    return nn.CrossEntropyLoss(weight=weight)


class Refused(nn.CrossEntropyLoss):
    """Stands in for a GPU that is full: raises what torch raises there, in its words."""

    AFTER = 57
    WORDS = (
        "CUDA out of memory. Tried to allocate 2.25 GiB. GPU 0 has a total capacity of "
        "79.18 GiB of which 1.06 GiB is free. Including non-PyTorch memory, this process "
        "has 78.11 GiB memory in use. Of the allocated memory 75.72 GiB is allocated by "
        "PyTorch, and 1.64 GiB is reserved by PyTorch but unallocated."
    )

    def forward(self, input: Tensor, target: Tensor) -> Tensor:  # noqa: A002 - torch's name
        self.calls = getattr(self, "calls", 0) + self.training
        if self.calls > self.AFTER:
            raise torch.OutOfMemoryError(self.WORDS)
        return super().forward(input, target)


# --- loops of their own ---


def own_loop(case: str) -> None:
    """Train as a script with its own loop would, with one of the mistakes of such loops."""
    run = tuitrain.init(config={"lr": 1e-3, "weight_decay": 1e-4})
    train_x, train_y, val_x, val_y = digits
    loader = DataLoader(TensorDataset(train_x, train_y), batch_size=64, shuffle=True)
    is_in_evaluation = case == "wrong_mode"
    model = mlp(64, 2, nn.ReLU, *([nn.BatchNorm1d(64)] if is_in_evaluation else []))
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=run.config["lr"], weight_decay=run.config["weight_decay"]
    )
    loss_fn = nn.CrossEntropyLoss()
    run.watch(model, optimizer, loss=loss_fn)
    for _ in run.epochs(6):
        if is_in_evaluation:
            model.eval()  # validation came first, and nobody calls model.train()
        else:
            model.train()
        for x, y in run.batches(loader):
            scores = model(x)
            loss = loss_fn(scores, y)
            if case != "gradients_not_zeroed":
                optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log({"loss": loss, "accuracy": (scores.argmax(1) == y).float().mean()})
        model.eval()
        with torch.no_grad():
            scores = model(val_x)
            run.log_validation(
                {
                    "loss": loss_fn(scores, val_y),
                    "accuracy": (scores.argmax(1) == val_y).float().mean(),
                }
            )
    run.finish()


# --- what is recorded ---

FEW = TrialLimits(epochs=6)
Make = Callable[[Trial], Task]

CASES: dict[str, tuple[Make | None, Config, TrialLimits]] = {
    "initial_loss_mismatch": (lambda t: classify(t, all_normal()), {"lr": 1e-3}, FEW),
    "wrong_reduction": (
        lambda t: classify(t, loss=nn.CrossEntropyLoss(reduction="sum")),
        {"lr": 1e-3},
        FEW,
    ),
    # A warm-up over 1000 iterations, by whole numbers: the factor stays 0.
    "loss_not_decreasing": (
        lambda t: classify(t, schedule=lambda step: min(1, step // 1000)),
        {"lr": 1e-3},
        FEW,
    ),
    "saturated_early": (
        lambda t: classify(t, sgd=True, schedule=cosine),
        {"lr": 0.05},
        TrialLimits(epochs=14),
    ),
    "excess_regularization": (
        lambda t: classify(t, sgd=True),
        {"lr": 0.02, "weight_decay": 0.07},
        FEW,
    ),
    "vanishing_gradients": (
        lambda t: classify(t, mlp(32, 6, nn.Sigmoid)),
        {"lr": 1e-3},
        FEW,
    ),
    "exploding_gradients": (lambda t: classify(t, growing()), {"lr": 1e-2}, FEW),
    "dead_relu": (lambda t: classify(t, low_biases()), {"lr": 1e-3}, FEW),
    "saturated_activations": (lambda t: classify(t, wide_tanh()), {"lr": 1e-3}, FEW),
    "no_gradient": (lambda t: classify(t, Detached()), {"lr": 1e-3}, FEW),
    "not_in_optimizer": (
        lambda t: classify(t, kept=lambda parameters: parameters[:-2]),
        {"lr": 1e-3},
        FEW,
    ),
    "gradients_not_zeroed": (None, {"lr": 1e-3}, FEW),
    "output_loss_mismatch": (
        lambda t: classify(t, nn.Sequential(mlp(), nn.Softmax(1))),
        {"lr": 1e-3},
        FEW,
    ),
    "unnormalized_inputs": (
        lambda t: classify(t, change=lambda images: 60 * images),
        {"lr": 1e-3},
        FEW,
    ),
    "input_ignored": (
        lambda t: classify(t, nn.Sequential(Mask(), mlp(64, 2, nn.Tanh))),
        {"lr": 1e-3},
        FEW,
    ),
    "mixed_samples": (lambda t: classify(t, Mixing()), {"lr": 1e-3}, FEW),
    "train_val_leakage": (overlapping, {"lr": 1e-3}, FEW),
    "wrong_mode": (None, {"lr": 1e-3}, FEW),
    "class_collapse": (
        lambda t: classify(t, loss=heavy_class(), sgd=True),
        {"lr": 0.02},
        FEW,
    ),
    "stalled": (classify, {"lr": 1e-3}, TrialLimits(epochs=12)),
    "out_of_memory": (lambda t: classify(t, loss=Refused()), {"lr": 1e-3}, FEW),
}
"""What makes the task, None for a loop of its own; configuration and limits."""


def task(trial: Trial) -> Task:
    make, _, _ = CASES[str(trial.config["case"])]
    assert make is not None
    return make(trial)


def record(name: str) -> None:
    make, config, limits = CASES[name]
    config = {"weight_decay": 1e-4, **config}
    with tempfile.TemporaryDirectory() as folder:
        place = TrialFolder(Path(folder) / TRIAL)
        place.path.mkdir()
        spec = TrialSpec(
            trial=TRIAL,
            study=name,
            script=str(Path(__file__).resolve()),
            function=None if make is None else "task",
            arguments=["--own-loop", name] if make is None else [],
            step=Step.REFINE_GRID,
            config={**config, "case": name},
            limits=limits,
        )
        write_spec(place.spec, spec)
        run_trial(place.path)
        events = [record.event for record in StudySource(place.path).read_all()][1:]
    queued = TrialQueued(
        trial=TRIAL,
        step=Step.REFINE_GRID,
        round=1,
        attempt=1,
        config=config,
        limits=limits,
        seed=0,
    )
    path, clock = HERE / f"{name}.jsonl", MadeUpClock()
    path.unlink(missing_ok=True)
    writer = LogWriter(path, name, clock)
    writer.append([queued])
    if name == "stalled":
        writer.append([STARTED])
    if name == "stalled":
        events = [e for e in events if not isinstance(e, TrialFinished)]
        events = events[: int(0.6 * len(events))]
    for event in _newest_inspection(events):
        clock.at_s += 2
        writer.append([_rounded(event)])
    if name == "stalled":
        clock.at_s += SILENT_S
        writer.append([GpusSampled()])
    writer.close()


def _newest_inspection(events: list[Event]) -> list[Event]:
    """Leave out what a later look says again."""
    looks = [e for e in events if isinstance(e, TaskInspected)]
    return [e for e in events if not isinstance(e, TaskInspected) or e is looks[-1]]


def _rounded(event: Event) -> Event:
    if isinstance(event, TrialFinished):
        # It names a folder of whoever recorded it.
        return msgspec.structs.replace(event, traceback="")
    if not isinstance(event, PointsMeasured):
        return event
    values = {
        name: to_column([float(f"{value:.5g}") for value in to_numbers(column)])
        for name, column in event.values.items()
    }
    return PointsMeasured(trial=event.trial, iteration=event.iteration, values=values)


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1:2] == ["--own-loop"]:
        own_loop(sys.argv[2])
    else:
        for case in sys.argv[1:] or CASES:
            record(case)
