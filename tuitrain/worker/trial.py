"""What a task function is given: one configuration, and what is asked of it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar, overload

import torch

from tuitrain.events import Scalar, Step

_T = TypeVar("_T", bound=Scalar)


class Trial:
    """One configuration to train a freshly initialized model with.

    Attributes:
        lr: Learning rate.
        weight_decay: Weight decay; 0 in the steps that run without regularization.
        seed: Seeds of Python, numpy and torch are set to it already.
        step: Which of the six steps asks; None: the script was started by hand.
        regularize: False in the steps that run without regularization, so that a script
            can leave out augmentation; dropout and label smoothing are switched off
            by tuitrain itself.
        config: The whole configuration, read-only.
        device: Where the model will be trained; tuitrain moves it there.
    """

    def __init__(
        self,
        config: Mapping[str, Scalar],
        *,
        seed: int = 0,
        step: Step | None = None,
        regularize: bool = True,
        device: torch.device | None = None,
    ) -> None:
        """Describe the trial; `config` must hold `lr` and `weight_decay`."""
        self.config: Mapping[str, Scalar] = MappingProxyType(dict(config))
        self.seed = seed
        self.step = step
        self.regularize = regularize
        self.device = device or torch.device("cpu")
        self._asked: dict[str, None] = {}

    @property
    def lr(self) -> float:
        """The learning rate."""
        self._asked["lr"] = None
        return float(self.config["lr"])

    @property
    def weight_decay(self) -> float:
        """The weight decay."""
        self._asked["weight_decay"] = None
        return float(self.config["weight_decay"])

    @property
    def asked(self) -> list[str]:
        """Names the script asked for, in the order of their first use."""
        return list(self._asked)

    @overload
    def get(self, name: str) -> Scalar | None: ...
    @overload
    def get(self, name: str, default: _T) -> _T: ...
    def get(self, name: str, default: Scalar | None = None) -> Scalar | None:
        """Return the value of a hyperparameter, or `default` where there is none.

        Asking makes the name known to tuitrain: it may be part of a search later.
        """
        self._asked[name] = None
        return self.config.get(name, default)

    def __repr__(self) -> str:
        values = " ".join(f"{name}={value}" for name, value in self.config.items())
        return f"<Trial {values} seed={self.seed}>"
