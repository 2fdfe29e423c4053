"""What a port may look at, and what it answers with."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Readings = Sequence[tuple[int, float]]
"""(iteration, value) of one tensor, in the order they were measured."""


def _none() -> Numbers:
    return np.zeros(0)


@dataclass(frozen=True, kw_only=True)
class RunView:
    """One training run as every port sees it; NaN and Inf are kept.

    What was not measured is empty or None, and a rule that needs it stays silent.
    """

    iterations: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros(0, dtype=np.int64)
    )
    loss: Numbers = field(default_factory=_none)
    """Training loss, one value an iteration."""
    accuracy: Numbers = field(default_factory=_none)
    """Training accuracy, one value an iteration; empty: none."""
    epoch_iterations: tuple[int, ...] = ()
    """Iteration at which each epoch was complete."""
    val_loss: Numbers = field(default_factory=_none)
    """One value an epoch, as are the next three."""
    val_accuracy: Numbers = field(default_factory=_none)
    train_loss_by_epoch: Numbers = field(default_factory=_none)
    train_accuracy_by_epoch: Numbers = field(default_factory=_none)
    lr: float | None = None
    """As configured."""
    is_classification: bool = False
    classes: int | None = None
    optimizer: str | None = None
    dropout: float | None = None
    """The largest rate in the model; None: not known."""
    tensors: Mapping[str, Readings] = field(default_factory=dict)
    """What a `TensorLog` and `view_of` recorded: `<what>/<layer>`, or `<what>` for the
    whole run; layers in the model's order."""

    def layers(self, what: str) -> dict[str, Readings]:
        """Return the readings of `what` by layer, first layer first."""
        prefix = f"{what}/"
        return {
            key.removeprefix(prefix): readings
            for key, readings in self.tensors.items()
            if key.startswith(prefix)
        }

    def readings(self, what: str) -> Iterator[float]:
        """Yield all values of `what`, of all layers."""
        for readings in self.layers(what).values():
            yield from (value for _, value in readings)

    def last(self, what: str) -> float | None:
        """Return the newest value of a whole run's `what`; None: not measured."""
        readings = self.tensors.get(what)
        return readings[-1][1] if readings else None


class Alarm(NamedTuple):
    """One rule of a port that fired."""

    rule: str
    """As the product calls it."""
    says: str
    """Our kind of finding nearest to what the rule claims; see `PEER_KINDS`."""


class Port(Protocol):
    """Published rules, written anew from their documentation or configuration."""

    @property
    def name(self) -> str:
        """How tables call it."""

    @property
    def source(self) -> str:
        """Where its rules were read."""

    def alarms(self, view: RunView) -> list[Alarm]:
        """Return the rules that fire on a run, each at most once."""
