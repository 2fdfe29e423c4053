"""How far a script's own loop goes: its epochs and minibatches, as the step limits them."""

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from torch.utils.data import DataLoader

from tuitrain.worker.data import count_samples, seed_loader
from tuitrain.worker.failures import RejectedError
from tuitrain.worker.fit import FitWatch
from tuitrain.worker.readings import Number
from tuitrain.worker.seeds import seed_of_epoch
from tuitrain.worker.session import Session, Speedometer

_T = TypeVar("_T")


class Pace:
    """Hands out minibatches until a limit is reached; unlimited without a supervisor."""

    def __init__(self, session: Session) -> None:
        """Count in `session`."""
        self._session = session
        self._limits = session.spec.limits
        self._speed = Speedometer(session)
        self._is_done = False
        self._is_whole = False
        self._has_handed_out = False
        self.fit: FitWatch | None = None
        """Wants each iteration's loss and accuracy; None: nobody asks."""

    def is_over(self) -> bool:
        """Whether the script's loops must end."""
        return self._is_done or self._session.is_over()

    def count_epochs(self, asked: int, end_epoch: Callable[[], None]) -> Iterator[int]:
        """Yield epochs from 0, or from where a resumed trial stood.

        Args:
            asked: Epochs the script wants; a step's own number goes before it.
            end_epoch: Called after each complete one.
        """
        limits, session = self._limits, self._session
        last = limits.epochs if limits.epochs is not None else asked
        is_open = limits.epochs is None and (
            limits.iterations is not None or limits.batches is not None
        )
        while not self.is_over() and (is_open or session.epoch < last):
            before = session.iteration
            yield session.epoch
            if self.is_over() and not self._is_whole:
                return
            if is_open and (session.iteration == before or not self._has_handed_out):
                raise RejectedError(
                    "an epoch went by without run.batches(loader); the first steps "
                    "train on a part of the data, so loop over run.batches(loader)"
                )
            if limits.batches is None:
                end_epoch()

    def hand_out(
        self, loader: Iterable[_T], after_each: Callable[[_T], None]
    ) -> Iterator[_T]:
        """Yield minibatches of one pass, or as many as the step asks for.

        Args:
            loader: The script's.
            after_each: Called when the script is done with a minibatch.
        """
        self._is_whole = False
        self._has_handed_out = True
        self._session.batch_size = getattr(loader, "batch_size", None)
        self._speed.begin()
        batches: Iterable[_T] = self._seeded(loader)
        if self._limits.batches is not None:
            batches = self._repeat(self._take(batches, self._limits.batches))
        for batch in batches:
            if self.is_over():
                self._speed.end()
                return
            self._session.iteration += 1
            yield batch
            self._speed.count(_count(batch))
            after_each(batch)
        self._speed.end()
        self._is_whole = True

    def _seeded(self, loader: Iterable[_T]) -> Iterable[_T]:
        """Let the epoch decide the order, so that a resumed trial sees the same."""
        if self._session.is_supervised and isinstance(loader, DataLoader):
            epoch = self._session.epoch + 1
            seed_loader(loader, epoch, seed_of_epoch(self._session.seed, epoch))
        return loader

    def _take(self, batches: Iterable[_T], count: int) -> list[_T]:
        taken = list(islice(batches, count))
        if not taken:
            raise RejectedError("run.batches(loader) got a loader without minibatches")
        return taken

    def _repeat(self, batches: list[_T]) -> Iterator[_T]:
        """Yield the same minibatches over and over, asking after each pass."""
        passes = self._limits.epochs
        if not self._limits.update or (passes is None and not self._limits.iterations):
            passes = 1
        if self._limits.stop_at_fit:
            self.fit = FitWatch()
        while passes != 0:
            yield from batches
            if self.fit is not None and self.fit.is_reached():
                self._session.is_fitted = True
                return
            passes = None if passes is None else passes - 1
        self._is_done = True


def is_finite(loss: Number | None) -> bool:
    """Whether a loss is a number; None: nothing speaks against it. Waits for the device."""
    return loss is None or math.isfinite(float(loss))


def _count(batch: Any) -> int:  # noqa: ANN401 - whatever the script's loader gives
    return count_samples(
        batch[-1] if isinstance(batch, tuple | list) and batch else batch
    )
