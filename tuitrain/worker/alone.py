"""A task script started by hand: the same loop, a line an epoch."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tuitrain.events import Config, Scalar, TrialLimits
from tuitrain.units import format_number
from tuitrain.worker.failures import RejectedError
from tuitrain.worker.last_word import finish_raised
from tuitrain.worker.lone import open_lone_session
from tuitrain.worker.loop import run_function
from tuitrain.worker.readings import Number, Reading, read_rows
from tuitrain.worker.seeds import set_seeds
from tuitrain.worker.session import choose_device
from tuitrain.worker.task import Task
from tuitrain.worker.trial import Trial

EXIT_REJECTED = 2


def train(
    function: Callable[[Trial], Task],
    *,
    lr: float = 1e-3,
    weight_decay: float = 0.0,
    epochs: int = 10,
    seed: int = 0,
    name: str | None = None,
    dir: str | Path = "runs",  # noqa: A002 - the same word as in `init`
    **config: Scalar,
) -> Path:
    """Train a task once, without a study.

    What a task script calls when it is started by hand: one line an epoch on standard
    output, and a trial folder that `tuitrain replay` and `tuitrain diagnose` open.

    Args:
        function: The task function, as `tuitrain run` would call it.
        lr: Learning rate.
        weight_decay: Weight decay.
        epochs: Passes over the training data.
        seed: Of Python, numpy and torch.
        name: Of the trial; None: that of the script.
        dir: Folder in which the trial's folder is made.
        config: Further hyperparameters, for `trial.get`.

    Returns:
        The trial's folder.

    Raises:
        SystemExit: The task can't be used; standard error says why.
    """
    values: Config = {"lr": lr, "weight_decay": weight_decay, **config}
    limits = TrialLimits(epochs=epochs)
    session = open_lone_session(name, Path(dir), values, limits=limits, seed=seed)
    script = Path(session.spec.script).name
    where = f"{script}: {getattr(function, '__name__', 'task')}()"
    set_seeds(seed)
    trial = Trial(values, seed=seed, device=choose_device(session.spec.device))
    try:
        run_function(function, trial, session, where=where, on_epoch=_Lines(epochs))
    except RejectedError as error:
        finish_raised(session, error)
        sys.stderr.write(f"tuitrain: {error}\n")
        raise SystemExit(EXIT_REJECTED) from None
    except BaseException as error:
        finish_raised(session, error)
        raise
    session.finish()
    folder = session.folder.path
    sys.stdout.write(
        f"{folder}: `tuitrain replay {folder}` shows the curves, "
        f"`tuitrain run {sys.argv[0] or script}` walks the six steps\n"
    )
    return folder


class _Lines:
    """Prints an epoch as one line: `epoch  3/10  loss 0.213  val_accuracy 0.967`."""

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs

    def __call__(self, epoch: int, values: dict[str, Number]) -> None:
        rows, _ = read_rows([Reading(epoch, values)])
        texts: Sequence[str] = [
            f"{name} {format_number(value)}"
            for _, row in rows
            for name, value in row.items()
        ]
        width = len(str(self._epochs))
        head = f"epoch {epoch:>{width}}/{self._epochs}"
        sys.stdout.write("  ".join([head, *texts]) + "\n")
        sys.stdout.flush()
