"""What became of a run, measured by the benchmark itself and not by any rule.

After each epoch a twin of the model, with the same weights and no hooks, is asked about
validation data that no fault has touched. What the log says stands beside it: a run may
be worse than its log says, and that is a harm, too.
"""

import math
from collections.abc import Callable, Sequence

import msgspec
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name everybody knows it by

from tests.benchmarks.diagnosis.building import build_model
from tests.benchmarks.diagnosis.setup import Setup, make_loss
from tests.benchmarks.diagnosis.tasks import Data, Goal
from tuitrain.events import PointsMeasured, decode_record, to_numbers


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """How a run went, epoch by epoch."""

    scores: list[float]
    """Share of right answers (mean over classes where they are imbalanced), or explained
    variance of a regression; more is better, and what is not finite counts as -1."""
    plain: float
    """At the end, in the unit that the log has: accuracy, or explained variance."""
    logged: float | None
    """What the log says `plain` is; None: it does not say."""
    val_losses: list[float]
    """As logged."""
    val_accuracies: list[float]
    train_losses: list[float]
    """Mean of each tenth of the run."""
    is_finite: bool
    """Whether every training loss was."""
    unseen_scores: list[float] = []
    """As `scores`, on samples that nobody else sees; empty: there are none."""
    unseen_losses: list[float] = []

    @property
    def final(self) -> float:
        """The score at the end, over the last fifth of the epochs."""
        if not self.scores:
            return -1.0
        last = self.scores[-max(1, len(self.scores) // 5) :]
        return sum(last) / len(last)


class Watcher:
    """Asks a twin of the model after each epoch."""

    def __init__(self, setup: Setup) -> None:
        """Make the twin; randomness goes on as if there were none."""
        self._setup = setup
        self._model: nn.Module | None = None
        self.scores: list[float] = []
        self.plain = -1.0
        self.unseen_scores: list[float] = []
        self.unseen_losses: list[float] = []
        with torch.random.fork_rng(devices=[]):
            self._twin = build_model(setup, is_twin=True)

    def follow(self, model: nn.Module) -> None:
        """Look at this model from now on."""
        self._model = model

    def end_epoch(self) -> None:
        """Note how good the model is now."""
        assert self._model is not None
        data = self._setup.data
        x, y = self._setup.truth or (data.val_x, data.val_y)
        self._twin.load_state_dict(self._model.state_dict())
        self._twin.eval()
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            outputs = self._twin(x)
            self._look_at_unseen()
        self.plain = score(data, outputs, y, is_balanced=False)
        self.scores.append(score(data, outputs, y, is_balanced=data.is_imbalanced))

    def _look_at_unseen(self) -> None:
        setup = self._setup
        if setup.unseen is None:
            return
        x, y = setup.unseen
        outputs, balanced = self._twin(x), setup.data.is_imbalanced
        self.unseen_losses.append(float(make_loss(setup)(outputs, y)))
        self.unseen_scores.append(score(setup.data, outputs, y, is_balanced=balanced))


def score(data: Data, outputs: Tensor, targets: Tensor, *, is_balanced: bool) -> float:
    """Return how good outputs are; more is better, 1 is perfect."""
    if not bool(torch.isfinite(outputs).all()):
        return -1.0
    if data.goal is Goal.REGRESSION:
        error = F.mse_loss(outputs.reshape(-1), targets.reshape(-1))
        return max(-1.0, 1 - float(error / targets.var(unbiased=False)))
    truth, hits = _truth(data, targets), _hits(data, outputs, targets)
    if not is_balanced:
        return float(hits.double().mean())
    return float(
        torch.stack(
            [hits[truth == each].double().mean() for each in truth.unique()]
        ).mean()
    )


ClassMetric = Callable[[Tensor, Tensor], Tensor]
"""Outputs and targets of a minibatch to one number."""


def hits_by_class(data: Data) -> ClassMetric:
    """Return a metric of minibatches whose mean over validation data is balanced.

    Each hit counts by how rare its class is there, so that the mean over all validation
    samples is the mean over classes, however they are cut into minibatches.
    """
    kinds, counts = _truth(data, data.val_y).unique(return_counts=True)
    weights = torch.zeros(max(2, data.outputs), dtype=torch.float64)
    weights[kinds.long()] = counts.sum() / (len(kinds) * counts.double())

    def balanced_accuracy(outputs: Tensor, targets: Tensor) -> Tensor:
        hits = _hits(data, outputs, targets)
        return (hits * weights[_truth(data, targets).long()]).mean()

    return balanced_accuracy


def _truth(data: Data, targets: Tensor) -> Tensor:
    return targets > 0.5 if data.goal is Goal.BINARY else targets


def _hits(data: Data, outputs: Tensor, targets: Tensor) -> Tensor:
    said = outputs > 0 if data.goal is Goal.BINARY else outputs.argmax(1)
    return said == _truth(data, targets)


def read_behaviour(lines: Sequence[bytes], setup: Setup, watcher: Watcher) -> Behaviour:
    """Return what the log and the watcher say together."""
    series: dict[str, list[float]] = {"loss": [], "val_loss": [], "val_accuracy": []}
    for line in lines:
        event = decode_record(line).event
        if isinstance(event, PointsMeasured):
            for name in series.keys() & event.values.keys():
                series[name] += to_numbers(event.values[name]).tolist()
    losses = series["loss"]
    size = max(1, len(losses) // 10)
    tenths = [losses[start : start + size] for start in range(0, len(losses), size)]
    return Behaviour(
        scores=watcher.scores,
        plain=watcher.plain,
        logged=_logged(setup, series["val_accuracy"], series["val_loss"]),
        val_losses=series["val_loss"],
        val_accuracies=series["val_accuracy"],
        train_losses=[sum(part) / len(part) for part in tenths],
        is_finite=all(math.isfinite(loss) for loss in losses),
        unseen_scores=watcher.unseen_scores,
        unseen_losses=watcher.unseen_losses,
    )


def _logged(setup: Setup, accuracies: list[float], losses: list[float]) -> float | None:
    if setup.data.goal is not Goal.REGRESSION:
        return accuracies[-1] if accuracies else None
    if not losses or setup.make_loss is not None:
        return None
    y = (setup.truth or (setup.data.val_x, setup.data.val_y))[1]
    return max(-1.0, 1 - losses[-1] / float(y.var(unbiased=False)))
