"""Randomness of a trial: where it starts, and how it is kept across a checkpoint."""

import hashlib
import random
from typing import Any

import numpy as np
import torch

RandomState = dict[str, Any]
"""States of Python's, numpy's and torch's generators, as tensors and plain values."""


def set_seeds(seed: int) -> None:
    """Start Python's, numpy's and torch's generators (all devices) at `seed`."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - scripts use the global generator
    torch.manual_seed(seed)


def seed_of_epoch(seed: int, epoch: int) -> int:
    """Return the seed of an epoch's data order, the same in every process.

    Args:
        seed: The trial's seed.
        epoch: 1 for the first.
    """
    digest = hashlib.blake2b(f"{seed}/{epoch}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def read_random_state() -> RandomState:
    """Return the present state of all global generators."""
    version, words, gauss = random.getstate()
    _, keys, position, has_gauss, cached = np.random.get_state(legacy=True)  # noqa: NPY002
    return {
        "python": (version, torch.tensor(words), gauss),
        "numpy": (
            torch.from_numpy(np.asarray(keys).astype(np.int64)),
            int(position),
            int(has_gauss),
            float(cached),
        ),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if _uses_cuda() else [],
    }


def restore_random_state(state: RandomState) -> None:
    """Set all global generators to what `read_random_state` returned."""
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words.tolist()), gauss))
    keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state(  # noqa: NPY002
        ("MT19937", keys.numpy().astype(np.uint32), position, has_gauss, cached)
    )
    torch.set_rng_state(state["torch"].cpu())
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all([each.cpu() for each in state["cuda"]])


def _uses_cuda() -> bool:
    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]
