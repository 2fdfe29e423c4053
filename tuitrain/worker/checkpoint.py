"""The state of a training on disk, whole or not at all."""

import copy
import os
import pickle
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Protocol

import numpy as np
import torch

from tuitrain.store.folder import PRIVATE_FILE
from tuitrain.worker.failures import CheckpointError
from tuitrain.worker.seeds import RandomState, read_random_state

CHECKPOINT_FORMAT: Final = 2
"""Raised when an older tuitrain could misunderstand a checkpoint; 1 knows whole epochs only."""

_STRANGE: Final = re.compile(
    r"Unsupported (?:global|class|type)\W+(?:GLOBAL )?([\w.]+)"
)
"""What torch says of a thing that it won't make from a file."""


State = dict[str, Any]
"""All that a checkpoint holds: tensors and plain values."""


class Stateful(Protocol):
    """A model, optimizer, schedule or scaler."""

    def state_dict(self) -> Any:  # noqa: ANN401 - each has its own
        """Return what must be kept."""
        ...

    def load_state_dict(self, state_dict: Any, /) -> object:  # noqa: ANN401
        """Take what was kept."""
        ...


class KeptValues:
    """Plain values of a script, as a part of a checkpoint."""

    def __init__(self, values: dict[str, Any]) -> None:
        """Keep `values` as they are whenever a checkpoint is made."""
        self._values = values

    def state_dict(self) -> dict[str, Any]:
        """Return a copy."""
        return dict(self._values)

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        """Put back what was kept, in place."""
        self._values.clear()
        self._values.update(state_dict)


@dataclass(frozen=True)
class UnderWay:
    """How far an epoch was that is not complete."""

    batches: int
    """Minibatches trained on."""
    random_state: RandomState
    """At the begin of the epoch: loading them draws from it."""


@dataclass(frozen=True)
class Progress:
    """Where a training stood when it was saved."""

    epoch: int
    """Epochs complete."""
    iteration: int
    seed: int
    """What the data order goes by, together with the epoch."""
    random_state: RandomState
    """To be restored last, just before training goes on."""
    under_way: UnderWay | None = None
    """The epoch after the complete ones; None: it was not begun."""


def make_progress(
    *, epoch: int, iteration: int, seed: int, under_way: UnderWay | None = None
) -> Progress:
    """Return where a training stands now."""
    return Progress(epoch, iteration, seed, read_random_state(), under_way)


def read_state(parts: Mapping[str, Stateful], progress: Progress) -> State:
    """Return what a checkpoint holds; its tensors are those of the training itself."""
    under_way = progress.under_way
    return {
        "format": CHECKPOINT_FORMAT,
        "parts": {name: part.state_dict() for name, part in parts.items()},
        "epoch": progress.epoch,
        "iteration": progress.iteration,
        "seed": progress.seed,
        "random": progress.random_state,
        "under_way": under_way
        and {"batches": under_way.batches, "random": under_way.random_state},
    }


def hold_state(state: Any) -> Any:  # noqa: ANN401 - nested as it came
    """Return a copy in the main memory that training on does not change."""
    if isinstance(state, torch.Tensor):
        return state.detach().to("cpu", copy=True)
    if isinstance(state, dict):
        return {name: hold_state(value) for name, value in state.items()}
    if isinstance(state, tuple | list):
        return type(state)(hold_state(value) for value in state)
    return copy.deepcopy(state)


def write_state(path: Path, state: State) -> None:
    """Write a checkpoint to `path`, replacing it in one move.

    Raises:
        CheckpointError: It can't be written; what was at `path` is still there.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with _open_private(draft) as file:
            torch.save(state, file)
        draft.replace(path)
    except (OSError, RuntimeError, pickle.PicklingError, AttributeError) as error:
        draft.unlink(missing_ok=True)
        reason = str(error).partition("\n")[0]
        raise CheckpointError(f"{path}: can't be written ({reason})") from None


def _open_private(path: Path) -> IO[bytes]:
    """Open a new file for its owner only, whatever the script lets others read."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, PRIVATE_FILE), "wb")


def keep_checkpoint(path: Path, kept: Path) -> None:
    """Keep the checkpoint at `path` as `kept` too, replacing what was there in one move.

    A link costs nothing: the next checkpoint is a new file and leaves this one alone.

    Raises:
        CheckpointError: It can't be kept; what was at `kept` is still there.
    """
    draft = kept.with_name(f".{kept.name}.{os.getpid()}")
    try:
        draft.unlink(missing_ok=True)
        try:
            draft.hardlink_to(path)
        except OSError:
            with path.open("rb") as file, _open_private(draft) as copied:
                shutil.copyfileobj(file, copied)
        draft.replace(kept)
    except OSError as error:
        raise CheckpointError(f"{kept}: can't be written ({error.strerror})") from None


def load_checkpoint(path: Path, parts: Mapping[str, Stateful]) -> Progress:
    """Give all `parts` the state they had.

    Nothing in the file is executed: only tensors and plain values are read.

    Raises:
        CheckpointError: It can't be read, or belongs to another model or optimizer.
    """
    try:
        _allow_numbers_of_numpy()
        state = torch.load(path, map_location="cpu", weights_only=True)
        if state["format"] > CHECKPOINT_FORMAT:
            raise CheckpointError(f"{path}: was written by a newer tuitrain; upgrade")
        for name, part in parts.items():
            part.load_state_dict(state["parts"][name])
        return Progress(
            epoch=state["epoch"],
            iteration=state["iteration"],
            seed=state["seed"],
            random_state=state["random"],
            under_way=_read_under_way(state.get("under_way")),
        )
    except (
        OSError,
        RuntimeError,
        KeyError,
        TypeError,
        ValueError,
        EOFError,
        pickle.UnpicklingError,
    ) as error:
        raise CheckpointError(
            f"{path}: can't be carried on from ({_explain(error)})"
        ) from None


def check_checkpoint(path: Path) -> None:
    """Check that the checkpoint at `path` is one to carry on from; reads no tensor.

    Raises:
        CheckpointError: It holds what is neither a tensor nor a plain value.
    """
    try:
        _allow_numbers_of_numpy()
        torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        raise CheckpointError(
            f"{path}: is written, but can't be carried on from ({_explain(error)})"
        ) from None


def _allow_numbers_of_numpy() -> None:
    """Let numpy's numbers and arrays of them be read: they are as plain as Python's.

    A schedule that is computed with `np.cos` leaves one in the optimizer. An array of
    objects, which may be of any class, is none of them.
    """
    kinds = {type(np.dtype(code)) for code in np.typecodes["All"] if code not in "OV"}
    makers: list[Any] = [np.float64().__reduce__()[0], np.zeros(0).__reduce__()[0]]
    torch.serialization.add_safe_globals([np.dtype, np.ndarray, *makers, *kinds])


def _explain(error: Exception) -> str:
    strange = _STRANGE.search(str(error))
    if strange is not None:
        return f"it holds a {strange[1]}, which is neither a tensor nor a plain value"
    reason = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {reason}"


def _read_under_way(state: Any) -> UnderWay | None:  # noqa: ANN401 - as it was read
    if state is None:
        return None
    return UnderWay(batches=int(state["batches"]), random_state=state["random"])
