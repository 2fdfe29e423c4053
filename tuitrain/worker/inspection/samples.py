"""The samples themselves: their scale, whether targets follow from them, and twins."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tuitrain.events import InputFacts, SignalFacts
from tuitrain.worker.inspection.reading import Kept, join

MOST_SAMPLES: Final = 500
"""Samples that targets are told from: 30 ms on one core."""
FEWEST_SAMPLES: Final = 100
MOST_FEATURES: Final = 4096
MOST_BYTES: Final = 256 * 1024 * 1024
"""Data whose samples are compared one by one; of more, twins are not looked for."""

BITE: Final = 1024
"""Samples that are copied at once for that."""

MOST_COLUMNS: Final = 256
RICH_BITS: Final = 60
"""Sum over the features of the logarithm of how many values each has. Ours: even if most
of it is redundant, a million samples need 20 bits to differ."""

FIRST_LAYERS: Final = (
    nn.Linear,
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.RNNBase,
    nn.Bilinear,
)
"""Layers with weights that are fed numbers; what comes before the first of them, a
normalization within the model say, is part of how inputs are prepared."""


@dataclass(frozen=True)
class Sources:
    """Whole data sets of tensors, inputs first and targets last; None: not to be had."""

    train: tuple[Tensor, ...] | None = None
    val: tuple[Tensor, ...] | None = None


class InputLook:
    """Adds up what the first layer is fed, feature by feature.

    Small minibatches are kept and added up together when they are told, large ones at
    once and on their device: of the small ones it is each operation that takes time, of
    the large ones it is memory that is short.
    """

    def __init__(self, layer: str, module: nn.Module) -> None:
        """Look at the inputs of `module`."""
        self._layer = layer
        self._axis = 1 if "Conv" in type(module).__name__ else -1
        self._kept = Kept[InputFacts | None]()
        self._sums: Tensor | None = None
        self._samples = 0

    def see(self, inputs: Tensor) -> None:
        """Add one minibatch, until there are enough samples."""
        if self._samples >= MOST_SAMPLES:
            return
        if not inputs.is_floating_point() or inputs.ndim < 2:
            return
        self._samples += inputs.shape[0]
        values = inputs.detach()
        if not self._kept.keep(values):
            self._sums = _add(self._sums, _sum_up(values, self._axis))

    def reader(self) -> Callable[[], InputFacts | None]:
        """Return what reads all that was seen until now."""
        sums, samples, axis = self._sums, self._samples, self._axis

        def add_up(kept: list[Tensor]) -> InputFacts | None:
            total = sums
            for each in join(kept):
                total = _add(total, _sum_up(each, axis))
            return _describe(self._layer, samples, total)

        return self._kept.reader(samples, add_up)

    def forget(self) -> None:
        """Look at no more; what is kept goes once it has been read."""
        self._kept.close(self.reader())


def _sum_up(inputs: Tensor, axis: int) -> Tensor:
    """Return count, sum, sum of squares, rows and largest of each feature."""
    values = inputs.movedim(axis, 0)
    values = values.reshape(values.shape[0], -1)
    finite = values.isfinite()
    values = torch.where(finite, values, 0)
    top = values.abs().amax(1).double()
    # Divided by the largest, squares stay within the range of any number.
    shrunk = values / top.clamp_min(1e-30).to(values.dtype)[:, None]
    square = torch.linalg.vector_norm(shrunk, dim=1, dtype=torch.float32)
    return torch.stack(
        (
            finite.sum(1).double(),
            values.sum(1, dtype=torch.float64),
            (square.double() * top).square(),
            torch.full_like(top, values.shape[1]),
            top,
        )
    )


def _add(sums: Tensor | None, more: Tensor) -> Tensor:
    if sums is None:
        return more
    if sums.shape != more.shape:
        return sums
    most = torch.maximum(sums[4:], more[4:].to(sums.device))
    return torch.cat((sums[:4] + more[:4].to(sums.device), most))


def _describe(layer: str, samples: int, sums: Tensor | None) -> InputFacts | None:
    if sums is None:
        return None
    count, total, square, rows, largest = sums.cpu().numpy()
    missing = int((rows - count).sum())
    kept = count > 0
    if not kept.any():
        return InputFacts(
            layer=layer, samples=samples, features=len(count), not_finite=missing
        )
    mean, second = total[kept] / count[kept], square[kept] / count[kept]
    sd = np.sqrt(np.maximum(second - mean**2, 0))
    rms = np.sqrt(second)
    # A feature that never changes says nothing of how the others are scaled.
    moving = sd > 1e-6 * np.maximum(rms, 1e-30)
    quotient = np.abs(mean[moving]) / sd[moving]
    middle = _median(rms[moving]) if moving.any() else 0.0
    return InputFacts(
        layer=layer,
        samples=samples,
        features=len(count),
        not_finite=missing,
        mean=_short(total.sum() / count.sum()),
        rms=_short(np.sqrt(square.sum() / count.sum())),
        largest=_short(largest.max()),
        mean_over_sd=_short(_median(quotient)) if len(quotient) else 0.0,
        scale_ratio=_short(rms.max() / middle) if middle else 1.0,
    )


def _median(values: NDArray[np.float64]) -> float:
    # numpy's own imports masked arrays on its first call, 25 ms that training waits for.
    ordered, middle = np.sort(values), len(values) // 2
    return float(ordered[middle] + ordered[-1 - middle]) / 2


def _short(value: float) -> float:
    number = float(f"{min(float(value), 1e300):.4g}")
    return number if number == number else 0.0


def is_given(value: object, model: nn.Module) -> bool:
    """Whether what a first layer is fed is an input, and not what parameters made of it.

    Without gradients that does not show, so a model that embeds its inputs is then left
    alone.
    """
    if not isinstance(value, Tensor) or value.requires_grad:
        return False
    embeds = (nn.Embedding, nn.EmbeddingBag)
    return torch.is_grad_enabled() or not any(
        isinstance(each, embeds) for each in model.modules()
    )


class Gathered:
    """The first samples with their targets, until there are enough."""

    def __init__(self) -> None:
        """None so far."""
        self._inputs: list[Tensor] = []
        self._targets: list[Tensor] = []
        self._count = 0

    def see(self, inputs: object, targets: object) -> None:
        """Keep a minibatch's samples, if they are rows of numbers."""
        if self._count >= MOST_SAMPLES or not isinstance(inputs, Tensor):
            return
        if not isinstance(targets, Tensor) or not inputs.is_floating_point():
            return
        if inputs.ndim < 2 or not targets.ndim or len(targets) != len(inputs):
            return
        if inputs[0].numel() > MOST_FEATURES or targets.numel() != len(targets):
            return
        self._inputs.append(inputs.detach().flatten(1).clone())
        self._targets.append(targets.detach().reshape(-1).clone())
        self._count += len(inputs)

    def reader(self) -> Callable[[], SignalFacts | None]:
        """Return what works out how well targets follow from inputs."""
        inputs, targets = list(self._inputs), list(self._targets)
        if self._count < FEWEST_SAMPLES:
            return lambda: None
        return lambda: measure_signal(
            torch.cat(inputs)[:MOST_SAMPLES].cpu(),
            torch.cat(targets)[:MOST_SAMPLES].cpu(),
        )


def signal_of(tensors: Sequence[Tensor]) -> SignalFacts | None:
    """Return the same for some samples of a whole data set, evenly picked."""
    inputs, targets = tensors[0], tensors[-1]
    if len(tensors) < 2 or not inputs.is_floating_point() or inputs.ndim < 2:
        return None
    count = len(inputs)
    if count < FEWEST_SAMPLES or inputs[0].numel() > MOST_FEATURES:
        return None
    if targets.numel() != count:
        return None
    rows = torch.linspace(0, count - 1, min(count, MOST_SAMPLES)).long()
    picked = rows.to(inputs.device)
    kept = inputs[picked].flatten(1).cpu()
    return measure_signal(kept, targets.reshape(-1)[rows.to(targets.device)].cpu())


def measure_signal(inputs: Tensor, targets: Tensor) -> SignalFacts | None:
    """Predict each sample's target from all other samples, in two plain ways.

    Args:
        inputs: Shape (samples, features).
        targets: Classes or numbers, shape (samples,).

    Returns:
        None: the targets are all the same, or too few samples differ.
    """
    if not inputs.isfinite().all():
        return None
    rows = inputs.double()
    picked = _one_of_each(rows)
    rows, targets = rows[picked], targets[picked]
    count = len(rows)
    if count < FEWEST_SAMPLES:
        return None
    scale, mean = torch.std_mean(rows, 0)
    moving = scale > 1e-9
    if not moving.any():
        return None
    rows = (rows[:, moving] - mean[moving]) / scale[moving]
    is_regression = targets.is_floating_point() and len(torch.unique(targets)) > 10
    nearest = targets[_nearest_other(rows.float())]
    if is_regression:
        wanted = (targets - targets.mean()).double()[:, None]
    else:
        classes, targets = torch.unique(targets, return_inverse=True)
        nearest = torch.searchsorted(classes, nearest)
        if len(classes) < 2:
            return None
        wanted = torch.nn.functional.one_hot(targets).double()
        wanted = wanted - wanted.mean(0)
    guess = _leave_one_out(rows, wanted)
    if is_regression:
        flat = wanted[:, 0]
        neighbour = _correlation(nearest.double(), flat)
        linear, chance = _correlation(guess[:, 0], flat), 0.0
        error = 1 / np.sqrt(count)
    else:
        shares = torch.bincount(targets) / count
        chance = float(shares.max())
        linear = float((guess + shares).argmax(1).eq(targets).double().mean())
        neighbour = float(nearest.eq(targets).double().mean())
        error = np.sqrt(chance * (1 - chance) / count)
    return SignalFacts(
        samples=count,
        neighbour=_short(neighbour),
        linear=_short(linear),
        chance=_short(chance),
        error=_short(float(error)),
    )


def _one_of_each(rows: Tensor) -> Tensor:
    """Return where each different sample is; of several that are the same, the last."""
    places = {row.tobytes(): index for index, row in enumerate(rows.numpy())}
    return torch.tensor(list(places.values()))


def _nearest_other(rows: Tensor) -> Tensor:
    """Return for each row which other one is nearest."""
    # Squared distance less what is the same for all others of a row.
    distance = torch.addmm(rows.square().sum(1)[None], rows, rows.T, alpha=-2)
    distance.fill_diagonal_(float("inf"))
    return distance.argmin(1)


def _leave_one_out(rows: Tensor, wanted: Tensor) -> Tensor:
    """Return ridge regression's guess for each row, made without it.

    Source:
        Rifkin & Lippert 2007, "Notes on regularized least squares": the guess without a
        sample is y − (K⁻¹y) / diag(K⁻¹), K the kernel with the penalty on its diagonal;
        with few features the same is y − (y − ŷ) / (1 − h), h the diagonal of the matrix
        that makes the fitted values ŷ of y.
    """
    guess: Tensor
    count, features = rows.shape
    if features < count:
        squares = rows.T @ rows
        squares.diagonal().add_(features)
        half = torch.cholesky_solve(rows.T, torch.linalg.cholesky(squares)).T
        leverage = (rows * half).sum(1)
        missed = wanted - half @ (rows.T @ wanted)
        guess = wanted - missed / (1 - leverage)[:, None]
        return guess
    kernel = rows @ rows.T / features + torch.eye(count, dtype=rows.dtype)
    inverse = torch.linalg.inv(kernel)
    guess = wanted - (inverse @ wanted) / inverse.diagonal()[:, None]
    return guess


def _correlation(one: Tensor, other: Tensor) -> float:
    one, other = one - one.mean(), other - other.mean()
    size = float(one.norm() * other.norm())
    return float(one @ other) / size if size > 0 else 0.0


def count_twins(sources: Sources) -> tuple[float, float, float] | None:
    """Count samples that are there twice, bit for bit.

    Returns:
        The share of validation samples that training samples equal, the share of
        training samples that another one equals, and the share of validation samples for
        which chance explains it. None: the data is not at hand, or too much.
    """
    if sources.train is None or sources.val is None:
        return None
    train, val = sources.train[0], sources.val[0]
    size = train.nbytes + val.nbytes
    if not len(val) or not len(train) or train.shape[1:] != val.shape[1:]:
        return None
    if size > MOST_BYTES or train[0].numel() < 2 or train.dtype != val.dtype:
        return None
    known = Counter(_digests(train))
    double = sum(count for count in known.values() if count > 1)
    shared = sum(digest in known for digest in _digests(val))
    within = double / len(train)
    return shared / len(val), within, 0.0 if _is_rich(train) else within


def _is_rich(rows: Tensor) -> bool:
    """Whether samples have so many different values that no two are alike by chance."""
    some = rows[:MOST_SAMPLES].detach().cpu().flatten(1)[:, :MOST_COLUMNS]
    columns = np.sort(some.T.contiguous().numpy(), axis=1)
    kinds = (columns[:, 1:] != columns[:, :-1]).sum(1) + 1
    return float(np.log2(kinds).sum()) > RICH_BITS


def _digests(rows: Tensor) -> list[int]:
    array: NDArray[Any] = rows.detach().cpu().flatten(1).contiguous().numpy()
    size = array.nbytes // len(array)
    digests: list[int] = []
    for first in range(0, len(array), BITE):
        data = array[first : first + BITE].tobytes()
        # Python's own hash of bytes, 64 bits and keyed: ten times faster than a digest,
        # and two of a million rows meet by chance once in ten million data sets.
        digests += [hash(data[at : at + size]) for at in range(0, len(data), size)]
    return digests
