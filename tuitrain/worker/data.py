"""Minibatches of a task: in an order that seed and epoch decide, on the device."""

from collections.abc import Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset

from tuitrain.worker.failures import RejectedError
from tuitrain.worker.seeds import seed_of_epoch
from tuitrain.worker.task import Data

DEFAULT_BATCH_SIZE = 64
"""Where a task names none."""


@dataclass(frozen=True)
class Batch:
    """One minibatch on the device."""

    inputs: tuple[Any, ...]
    """Arguments of the model."""
    named_inputs: dict[str, Any]
    """Keyword arguments of the model, where the inputs are a dict."""
    targets: Any
    samples: int


class Minibatches:
    """The minibatches of one data set or loader."""

    def __init__(
        self,
        data: Data,
        *,
        batch_size: int | None,
        device: torch.device,
        seed: int,
        shuffle: bool,
        workers: int = 0,
    ) -> None:
        """Prepare `data`; nothing is loaded yet.

        Args:
            data: A data set, or a loader that is used as it is.
            batch_size: Samples a minibatch of a data set; None: `DEFAULT_BATCH_SIZE`.
            device: Where minibatches go.
            seed: Decides, with the epoch, the order of a data set.
            shuffle: False: the order of the data set, for validation.
            workers: Processes that load the samples of a data set.
        """
        self._device = device
        self._seed = seed
        self._shuffle = shuffle
        self._order: _EpochOrder | None = None
        self._tensors: tuple[Tensor, ...] | None = None
        self.makes_batches = not isinstance(data, DataLoader)
        """Whether minibatches are made here; False: a loader of the script's does."""
        if isinstance(data, DataLoader):
            self._loader: Iterable[Any] = data
            self.samples = _count_samples(data)
            self.batch_size: int | None = data.batch_size
            self.batches = _length(data)
            self.tensors = tensors_of(data.dataset)
            return
        self.batch_size = batch_size or DEFAULT_BATCH_SIZE
        self.samples = _length(data)
        self.tensors = tensors_of(data)
        if isinstance(data, IterableDataset):
            self.batches = None
            self._loader = self._load(data, workers, sampler=None)
            return
        assert self.samples is not None
        self._order = _EpochOrder(self.samples, self.batch_size, shuffle=shuffle)
        self.batches = len(self._order)
        if self.tensors is not None and not workers:
            self._tensors = self.tensors
        self._loader = self._load(data, workers, sampler=self._order)

    def reseed(self, seed: int) -> None:
        """Let `seed` decide the order of the epochs to come."""
        self._seed = seed

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Yield the minibatches of an epoch, 1 for the first, on the device."""
        seed = seed_of_epoch(self._seed, epoch)
        self._seed_order(epoch, seed)
        source: Iterable[Any] = self._loader
        if self._tensors is not None and self._order is not None:
            source = (_pick(self._tensors, indices) for indices in self._order)
        for loaded in source:
            yield self._to_batch(loaded)

    def first(self, count: int) -> list[Batch]:
        """Return the first minibatches of the first epoch, `count` or as many as there are."""
        return list(islice(self.epoch(1), count))

    def _seed_order(self, epoch: int, seed: int) -> None:
        if self._order is not None:
            self._order.generator.manual_seed(seed)
        if isinstance(self._loader, DataLoader):
            seed_loader(self._loader, epoch, seed)

    def _load(
        self, data: Dataset[Any], workers: int, sampler: "_EpochOrder | None"
    ) -> DataLoader[Any]:
        return DataLoader(
            data,
            batch_size=self.batch_size if sampler is None else 1,
            batch_sampler=sampler,
            num_workers=workers,
            pin_memory=self._device.type == "cuda",
            # Of its own, so that iterating leaves the global generator alone.
            generator=torch.Generator(),
        )

    def _to_batch(self, loaded: object) -> Batch:
        if not isinstance(loaded, Sequence) or len(loaded) < 2:
            raise RejectedError(
                f"a minibatch is a {type(loaded).__name__}, not a pair (inputs, "
                "targets); let each sample of the data set be (inputs, target)"
            )
        *inputs, targets = (move(part, self._device) for part in loaded)
        named: dict[str, Any] = {}
        if len(inputs) == 1 and isinstance(inputs[0], dict):
            named, inputs = inputs[0], []
        elif len(inputs) == 1 and isinstance(inputs[0], tuple | list):
            inputs = list(inputs[0])
        return Batch(tuple(inputs), named, targets, count_samples(targets))


class _EpochOrder:
    """Indices of each minibatch, in an order its generator decides.

    A last minibatch of a single sample is left out: batch norm can't train on one.
    """

    def __init__(self, samples: int, batch_size: int, *, shuffle: bool) -> None:
        self.generator = torch.Generator()
        self._samples = samples
        self._batch_size = batch_size
        self._shuffle = shuffle
        is_single = shuffle and samples % batch_size == 1 and samples > batch_size > 1
        self._used = samples - 1 if is_single else samples

    def __len__(self) -> int:
        return -(-self._used // self._batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        order = (
            torch.randperm(self._samples, generator=self.generator)
            if self._shuffle
            else torch.arange(self._samples)
        )
        for start in range(0, self._used, self._batch_size):
            yield order[start : start + self._batch_size].tolist()


def grouped(batches: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    """Yield `size` minibatches at a time, fewer at the end."""
    group: list[Batch] = []
    for batch in batches:
        group.append(batch)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


def seed_loader(loader: DataLoader[Any], epoch: int, seed: int) -> None:
    """Let seed and epoch decide the order of a loader that has a generator of its own.

    One that draws from the global generator follows that one, which a checkpoint keeps.
    """
    for owner in (loader, loader.sampler, loader.batch_sampler):
        generator = getattr(owner, "generator", None)
        if isinstance(generator, torch.Generator):
            generator.manual_seed(seed)
    set_epoch = getattr(loader.sampler, "set_epoch", None)
    if callable(set_epoch):
        set_epoch(epoch)


def tensors_of(data: object) -> tuple[Tensor, ...] | None:
    """Return the whole of a data set that is made of tensors; None: it is not.

    Picking rows of tensors gives the same minibatches as loading sample by sample, many
    times faster.
    """
    if type(data) is TensorDataset:
        return data.tensors
    if type(data) is Subset:
        whole = tensors_of(data.dataset)
        return None if whole is None else _pick(whole, list(data.indices))
    return None


def move(value: Any, device: torch.device) -> Any:  # noqa: ANN401 - nested as it came
    """Return tensors, and containers of tensors, on `device`."""
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, dict):
        return {name: move(part, device) for name, part in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(move(part, device) for part in value))
    if isinstance(value, tuple | list):
        return type(value)(move(part, device) for part in value)
    return value


def count_samples(targets: object) -> int:
    """Return how many samples a minibatch with these targets has."""
    if isinstance(targets, Tensor):
        return targets.shape[0] if targets.ndim else 1
    if isinstance(targets, dict) and targets:
        return count_samples(next(iter(targets.values())))
    return len(targets) if isinstance(targets, Sized) else 1


def _pick(tensors: tuple[Tensor, ...], indices: Sequence[int]) -> tuple[Tensor, ...]:
    rows = torch.as_tensor(indices)
    return tuple(tensor[rows.to(tensor.device)] for tensor in tensors)


def _count_samples(loader: DataLoader[Any]) -> int | None:
    sampled = _length(loader.sampler)
    return sampled if sampled is not None else _length(loader.dataset)


def _length(sized: object) -> int | None:
    """Length; None: unknown before it is read."""
    try:
        return len(sized) if isinstance(sized, Sized) else None
    except TypeError:
        return None
