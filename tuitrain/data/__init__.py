"""Two small data sets and the demo's script, shipped so that neither needs a download.

Sources and licenses are in `LICENSES.md` beside the files.
"""

from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_HERE = Path(__file__).parent
_T = TypeVar("_T", bound=np.generic)
_U = TypeVar("_U", bound=np.generic)

Split = tuple[NDArray[_T], NDArray[_U], NDArray[_T], NDArray[_U]]
"""(training inputs, training targets, validation inputs, validation targets)."""


def demo_script() -> Path:
    """Return the path of the training script that `tuitrain demo` runs."""
    return _HERE / "demo.py"


def load_digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return handwritten digits as grey images and their labels.

    Returns:
        Images, shape (1797, 8, 8), 0..1; labels 0..9, shape (1797,).
    """
    with np.load(_HERE / "digits.npz") as file:
        images = file["images"].astype(np.float32) / 16
        return images, file["labels"].astype(np.int64)


def load_diabetes() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return ten measurements of diabetes patients and the disease a year later.

    Returns:
        Features, shape (442, 10): age, sex, body mass index, blood pressure and six
        blood serum values; target, shape (442,): how far the disease progressed. Every
        column and the target have mean 0 and standard deviation 1.
    """
    with np.load(_HERE / "diabetes.npz") as file:
        features = _standardize(file["features"])
        return features, _standardize(file["target"])


def split(
    inputs: NDArray[_T], targets: NDArray[_U], *, val_share: float = 0.2, seed: int = 0
) -> Split[_T, _U]:
    """Shuffle samples and cut them into training and validation parts.

    Args:
        inputs: One sample a row, shape (samples, …).
        targets: One target a row, shape (samples, …).
        val_share: Share of the samples for validation, 0..1, rounded up.
        seed: The same seed gives the same parts, on every machine.

    Returns:
        Training inputs and targets, then validation inputs and targets.
    """
    order = np.random.default_rng(seed).permutation(len(inputs))
    cut = len(inputs) - int(np.ceil(len(inputs) * val_share))
    train, val = order[:cut], order[cut:]
    return inputs[train], targets[train], inputs[val], targets[val]


def _standardize(columns: NDArray[np.float64]) -> NDArray[np.float32]:
    scaled = (columns - columns.mean(axis=0)) / columns.std(axis=0)
    single: NDArray[np.float32] = scaled.astype(np.float32)
    return single
