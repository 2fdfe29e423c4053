"""Which loss function a criterion is: recognized for certain, or left open.

Nothing is guessed: a subclass with a forward of its own, a lambda, or an argument that no
formula knows leaves the kind open, and the judgement says `unknown`.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import torch.nn.functional as F  # noqa: N812 - the name everybody knows it by
from torch import Tensor, nn

_MODULES: Final[dict[type[nn.Module], str]] = {
    nn.CrossEntropyLoss: "cross_entropy",
    nn.NLLLoss: "nll",
    nn.BCELoss: "bce",
    nn.BCEWithLogitsLoss: "bce_with_logits",
    nn.SoftMarginLoss: "soft_margin",
    nn.MultiLabelSoftMarginLoss: "multi_label_soft_margin",
    nn.MultiMarginLoss: "multi_margin",
    nn.MultiLabelMarginLoss: "multi_label_margin",
    nn.MSELoss: "mse",
    nn.L1Loss: "l1",
    nn.SmoothL1Loss: "smooth_l1",
    nn.HuberLoss: "huber",
    nn.GaussianNLLLoss: "gaussian_nll",
    nn.PoissonNLLLoss: "poisson_nll",
    nn.KLDivLoss: "kl_div",
    nn.CTCLoss: "ctc",
    nn.TripletMarginLoss: "triplet_margin",
    nn.TripletMarginWithDistanceLoss: "triplet_margin",
    nn.CosineEmbeddingLoss: "cosine_embedding",
    nn.MarginRankingLoss: "margin_ranking",
    nn.HingeEmbeddingLoss: "hinge_embedding",
}
_FUNCTIONS: Final[dict[Callable[..., Tensor], str]] = {
    F.cross_entropy: "cross_entropy",
    F.nll_loss: "nll",
    F.binary_cross_entropy: "bce",
    F.binary_cross_entropy_with_logits: "bce_with_logits",
    F.soft_margin_loss: "soft_margin",
    F.multilabel_soft_margin_loss: "multi_label_soft_margin",
    F.multi_margin_loss: "multi_margin",
    F.multilabel_margin_loss: "multi_label_margin",
    F.mse_loss: "mse",
    F.l1_loss: "l1",
    F.smooth_l1_loss: "smooth_l1",
    F.huber_loss: "huber",
    F.gaussian_nll_loss: "gaussian_nll",
    F.poisson_nll_loss: "poisson_nll",
    F.kl_div: "kl_div",
    F.ctc_loss: "ctc",
    F.triplet_margin_loss: "triplet_margin",
    F.triplet_margin_with_distance_loss: "triplet_margin",
    F.cosine_embedding_loss: "cosine_embedding",
    F.margin_ranking_loss: "margin_ranking",
    F.hinge_embedding_loss: "hinge_embedding",
}
_KNOWN: Final[dict[str, frozenset[str]]] = {
    "cross_entropy": frozenset(
        {"weight", "ignore_index", "reduction", "label_smoothing"}
    ),
    "nll": frozenset({"weight", "ignore_index", "reduction"}),
    "bce": frozenset({"weight", "reduction"}),
    "bce_with_logits": frozenset({"weight", "reduction", "pos_weight"}),
    "soft_margin": frozenset({"reduction"}),
    "multi_label_soft_margin": frozenset({"weight", "reduction"}),
    "multi_margin": frozenset({"weight", "p", "margin", "reduction"}),
    "multi_label_margin": frozenset({"reduction"}),
    "mse": frozenset({"reduction"}),
    "l1": frozenset({"reduction"}),
    "smooth_l1": frozenset({"reduction", "beta"}),
    "huber": frozenset({"reduction", "delta"}),
    "gaussian_nll": frozenset({"var", "full", "eps", "reduction"}),
    "poisson_nll": frozenset({"log_input", "full", "eps", "reduction"}),
    "kl_div": frozenset({"log_target", "reduction"}),
    "ctc": frozenset(
        {"blank", "input_lengths", "target_lengths", "zero_infinity", "reduction"}
    ),
    "triplet_margin": frozenset(
        {"margin", "p", "eps", "swap", "distance_function", "reduction"}
    ),
    "cosine_embedding": frozenset({"margin", "reduction"}),
    "margin_ranking": frozenset({"margin", "reduction"}),
    "hinge_embedding": frozenset({"margin", "reduction"}),
}
"""Arguments whose effect on the initial loss has a formula, or that have none."""

CLASS_KINDS: Final = frozenset({"cross_entropy", "nll", "multi_margin"})
"""Kinds whose model has one output a class, and whose target names one."""
YES_NO_KINDS: Final = frozenset(
    {"bce", "bce_with_logits", "soft_margin", "multi_label_soft_margin"}
)
"""Kinds whose model has one output a yes-or-no question."""
REGRESSION_KINDS: Final = frozenset({"mse", "l1", "smooth_l1", "huber"})
"""Kinds that grow with the distance between an output and its target."""
LIKELIHOOD_KINDS: Final = frozenset({"gaussian_nll", "poisson_nll"})
"""Likelihoods of numbers, which may be negative."""
SEVERAL_KINDS: Final = frozenset(
    {"ctc", "triplet_margin", "cosine_embedding", "margin_ranking"}
)
"""Kinds whose second argument is not the target."""
_PROBABILITY_KINDS: Final = frozenset({"bce", "nll", "kl_div", "ctc"})
"""Kinds for which an output of 0 is a probability of 0 or 1, which is not undecided."""
_NO_MARGIN: Final = frozenset({"cosine_embedding", "margin_ranking"})
"""Kinds whose margin is 0 where none is given; elsewhere it is 1."""
IGNORED_BY_DEFAULT: Final = -100
"""`ignore_index` of torch's criteria where none is given."""


@dataclass(frozen=True)
class Criterion:
    """A loss function as far as it is known without data."""

    name: str
    kind: str | None = None
    """As in `LossFacts`; None: not recognized."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Arguments in force, those of `_KNOWN` only; missing: torch's default."""
    base: str | None = None
    """Kind without regard to the arguments; None: none of torch's."""

    @property
    def ignore_index(self) -> int | None:
        """Target left out of the loss; None: this kind leaves none out."""
        if self.kind not in ("cross_entropy", "nll"):
            return None
        return int(self.arguments.get("ignore_index", IGNORED_BY_DEFAULT))

    @property
    def reduction(self) -> str:
        """How the loss of a minibatch becomes one number."""
        return str(self.arguments.get("reduction", "mean"))

    @property
    def margin(self) -> float:
        """Margin in force; 1 for kinds that have none."""
        default = 0.0 if self.kind in _NO_MARGIN else 1.0
        return float(self.arguments.get("margin", default))

    @property
    def takes_zeros(self) -> bool:
        """Whether outputs of 0 mean as much as those of an undecided model."""
        if self.base in _PROBABILITY_KINDS:
            return False
        return bool(self.base != "poisson_nll" or self.arguments.get("log_input", True))

    def left_open(self) -> "Criterion":
        """Return the same as if it were not recognized."""
        return Criterion(self.name, base=self.base)


def recognize(loss: object) -> Criterion:
    """Return what `loss` is: a module, a torch function, or a partial of one."""
    if isinstance(loss, nn.Module):
        return _recognize_module(loss)
    if isinstance(loss, functools.partial):
        name = getattr(loss.func, "__name__", "partial")
        kind = _look_up(loss.func)
        if loss.args:
            return Criterion(name, base=kind)
        return _check(name, kind, loss.keywords)
    name = getattr(loss, "__name__", type(loss).__name__)
    kind = _look_up(loss)
    return Criterion(name, kind, base=kind)


def _look_up(function: object) -> str | None:
    try:
        return _FUNCTIONS.get(function)  # type: ignore[call-overload, no-any-return]
    except TypeError:  # not hashable, so none of torch's functions
        return None


def _recognize_module(loss: nn.Module) -> Criterion:
    name = type(loss).__name__
    for known, kind in _MODULES.items():
        if isinstance(loss, known) and type(loss).forward is known.forward:
            given = {
                name: getattr(loss, name)
                for name in (*_KNOWN[kind], "weight")
                if getattr(loss, name, None) is not None
            }
            return _check(name, kind, given)
    return Criterion(name)


def _check(name: str, kind: str | None, arguments: Mapping[str, Any]) -> Criterion:
    given = {name: value for name, value in arguments.items() if value is not None}
    if kind is None or not _KNOWN[kind].issuperset(given):
        return Criterion(name, base=kind)
    return Criterion(name, kind, given, base=kind)
