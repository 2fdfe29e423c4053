"""Whether what a script returned can be trained; the first thing wrong in one line."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sized
from numbers import Real
from typing import Any

from torch import nn
from torch.optim import LBFGS, Optimizer
from torch.utils.data import DataLoader, Dataset

from tuitrain.worker.failures import RejectedError
from tuitrain.worker.task import Task


def check_takes_trial(function: Callable[..., object]) -> None:
    """Check that a task function can be called with the trial alone.

    Raises:
        RejectedError: It can't.
    """
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        raise RejectedError(
            "must take one argument, the trial: def task(trial): …"
        ) from None
    except ValueError:  # built in, so that nobody knows
        return


def check_task(returned: object) -> Task:
    """Return `returned` if it is a task that can be trained.

    Raises:
        RejectedError: It can't; says what is wrong and what to do.
    """
    if not isinstance(returned, Task):
        raise RejectedError(
            f"returned {name_kind(returned)}, not a tuitrain.Task; "
            "end it with: return Task(model=…, train=…, loss=…)"
        )
    for problem in _problems(returned):
        raise RejectedError(problem)
    return returned


def check_optimizer(made: object) -> Optimizer:
    """Return what `Task.optimizer` made if the loop can use it.

    Raises:
        RejectedError: It is no optimizer, or one that needs a loop of its own.
    """
    if not isinstance(made, Optimizer):
        raise RejectedError(
            f"optimizer= returned {name_kind(made)}; it must return a "
            "torch.optim.Optimizer, as in: lambda params: torch.optim.AdamW(params)"
        )
    if isinstance(made, LBFGS):
        raise RejectedError(
            "LBFGS evaluates the loss several times an iteration, which this loop "
            "can't; write a loop of your own with tuitrain.init()"
        )
    return made


def _problems(task: Task) -> Iterator[str]:
    yield from _model_problems(task.model)
    yield from _data_problems("train", task.train)
    if task.val is not None:
        yield from _data_problems("val", task.val)
    yield from _function_problems(task)
    yield from _number_problems(task)


def _model_problems(model: object) -> Iterator[str]:
    if isinstance(model, type) and issubclass(model, nn.Module):
        yield f"model={model.__name__} is a class; make one: model={model.__name__}()"
    elif not isinstance(model, nn.Module):
        yield f"model is {name_kind(model)}; it must be a torch.nn.Module"
    elif not any(parameter.requires_grad for parameter in model.parameters()):
        yield "the model has no trainable parameter; set requires_grad on some"


def _data_problems(name: str, data: object) -> Iterator[str]:
    if not isinstance(data, Dataset | DataLoader):
        yield (
            f"{name} is {name_kind(data)}; it must be a torch Dataset or DataLoader, as in "
            "TensorDataset(inputs, targets)"
        )
    elif isinstance(data, Sized) and _length(data) == 0:
        yield f"the data set {name} is empty; check where its samples come from"


def _function_problems(task: Task) -> Iterator[str]:
    loss: object = task.loss
    if not callable(loss):
        yield f"loss is {name_kind(loss)}; it must be callable: loss(outputs, targets)"
    elif isinstance(loss, type):
        name = loss.__name__
        yield f"loss={name} is a class; make one: loss={name}()"
    maker: object = task.optimizer
    if isinstance(maker, Optimizer):
        name = type(maker).__name__
        yield (
            f"optimizer is a {name} already made; give a function that makes it: "
            f"optimizer=lambda params: {name}(params, lr=trial.lr)"
        )
    elif maker is not None and not callable(maker):
        yield f"optimizer is {name_kind(maker)}; it must be a function of the parameters"
    scheduler: object = task.scheduler
    if scheduler is not None and not callable(scheduler):
        yield f"scheduler is {name_kind(scheduler)}; it must be a function of the optimizer"
    metrics: object = task.metrics
    if not isinstance(metrics, Mapping):
        yield f"metrics is {name_kind(metrics)}; it must be a dict of name to function"
    elif odd := [name for name in metrics if not isinstance(name, str)]:
        yield f"the metric's name {odd[0]!r} is {name_kind(odd[0])}; it must be a str"
    elif wrong := [name for name, metric in metrics.items() if not callable(metric)]:
        yield f"the metric {wrong[0]!r} is no function of (outputs, targets)"


def _number_problems(task: Task) -> Iterator[str]:
    for name, at_least in (("batch_size", 1), ("accumulate", 1), ("num_workers", 0)):
        value = getattr(task, name)
        is_open = name == "batch_size" and value is None
        if not is_open and (not isinstance(value, int) or value < at_least):
            yield f"{name} is {value!r}; it must be a whole number of {at_least} or more"
    for name in ("clip_grad_norm", "expected_initial_loss"):
        value = getattr(task, name)
        if value is not None and not isinstance(value, Real):
            yield f"{name} is {name_kind(value)}; it must be a number or None"
    if task.amp not in (None, "bf16", "fp16"):
        yield f"amp is {task.amp!r}; it must be None, 'bf16' or 'fp16'"
    if task.scheduler_every not in ("epoch", "iteration"):
        yield (
            f"scheduler_every is {task.scheduler_every!r}; it must be 'epoch' or "
            "'iteration'"
        )


def _length(data: Sized) -> int | None:
    """Length of `data`; None: it says it has one, but has not (iterable data sets)."""
    try:
        return len(data)
    except TypeError:
        return None


def name_kind(value: Any) -> str:  # noqa: ANN401 - anything a script may return
    """Say what something is, for people: `None`, `a dict`, `an int`."""
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
