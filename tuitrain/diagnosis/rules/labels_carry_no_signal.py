"""What is learned on training data says nothing about validation data."""

from typing import Final

import numpy as np

from tuitrain.diagnosis.curves import Curves, accuracy_error, tail
from tuitrain.diagnosis.findings import rounded
from tuitrain.diagnosis.numerics import Numbers, finite, median
from tuitrain.diagnosis.rules.loss_not_decreasing import has_dropped
from tuitrain.diagnosis.rules.progress import explained_share, is_weighted
from tuitrain.events import Advice, Confidence, Evidence, Finding, Severity
from tuitrain.units import format_number, format_percent

MIN_EVALUATIONS: Final = 2
"""Fewer say too little: the first evaluation of a healthy run may be at chance."""
NEAR_CHANCE: Final = 0.97
"""Share of the chance loss that the best validation loss must get below. Ours: healthy
digits runs are below 0.6 after three epochs, runs on shuffled labels above 1."""
MIN_AT_CHANCE: Final = 8
"""Evaluations at chance, where the training loss has hardly fallen."""
BY_HEART: Final = 0.1
"""Share of the way from chance to a fit that training has gone meanwhile. Ours."""
LEARNED: Final = 0.97
"""Of the chance loss, below which the training loss must be for the model to have learned
something by heart. Ours: slow starters end above."""
PLAINLY: Final = 0.5
"""Of the chance loss, below which it is plain whatever the accuracy is. Ours."""
MIN_APART: Final = 0.05
"""Of the chance loss, by which validation must be worse at the end: learning by heart
shows on one side only."""
ERRORS_ALLOWED: Final = 3.0
"""Standard errors above the chance accuracy that chance alone may reach."""

MIN_SAMPLES: Final = 300
"""Of which plain methods must fail before targets are doubted."""
SIGNAL_ERRORS: Final = 2.5
"""Standard errors above chance up to which they have failed: it is the better one of two
that is looked at."""
PLAIN_ERRORS: Final = 4.0
"""Standard errors by which plain methods must be better than chance, and than the model,
for the labels to be beyond doubt. Ours."""
MIN_TRAINED: Final = 100
"""Training samples from which something should be learned that carries over. Ours: of
fewer, learning by heart is what to expect."""

_ADVICE: Final = (
    Advice(text="Look at a few samples with their labels: do they belong together?"),
    Advice(text="Look for inputs and labels shuffled or sorted separately."),
    Advice(text="Make sure that training and validation data are alike."),
)


def find_labels_without_signal(
    curves: Curves, *, fits_small: bool = False
) -> Finding | None:
    """Find a model that is at chance on validation data after several epochs.

    Args:
        curves: Of a training on all data.
        fits_small: Whether the same model is known to fit a few minibatches, so that a
            training loss that does not fall is no fault of model or optimizer.

    Before there are enough evaluations, the samples themselves are asked, see
    `tuitrain.worker.inspection.samples`.

    Returns:
        `medium` if neither the nearest other sample nor ridge regression tells targets
        better than chance. `critical` if the training loss falls meanwhile: it learns by heart. `high` if
        it does not, but could. None: better than chance, or not enough is known.

    Source:
        Karpathy 2019, "A Recipe for Training Neural Networks": an input-independent
        baseline shows whether the inputs are of any use.
    """
    losses = finite(curves.val_loss.values)
    chance = curves.chance
    if curves.train_samples is not None and curves.train_samples < MIN_TRAINED:
        return None
    if chance is None or len(losses) < MIN_EVALUATIONS:
        return _from_samples(curves)
    best_loss = float(losses.min())
    if _beats_chance(curves):
        return None
    if best_loss < NEAR_CHANCE * chance:
        # Validation targets may be less spread out than those the chance loss is of, and
        # the best of many evaluations is low by luck.
        stands = len(losses) >= MIN_AT_CHANCE and best_loss > NEAR_CHANCE * losses[0]
        learned = has_dropped(finite(curves.loss.values), chance)
        return _from_samples(curves) if stands or not learned else None
    values = finite(curves.loss.values)
    end = median(tail(values, 0.1)) if len(values) else chance
    apart = median(tail(losses, 0.2, 3)) - end
    learns = (
        has_dropped(values, chance)
        and end < LEARNED * chance
        and apart > MIN_APART * chance
        and (end < PLAINLY * chance or _knows_more_than_chance(curves))
    )
    if _others_learn(curves):
        return None
    if not learns and not fits_small and not _only_by_heart(curves, losses, chance):
        return None
    evidence: Evidence = {
        "best_val_loss": rounded(best_loss),
        "chance_loss": rounded(chance),
        "evaluations": len(losses),
        "best_val_accuracy": rounded(_best_accuracy(curves)),
        "chance_accuracy": rounded(curves.chance_accuracy),
        "training_loss_falls": learns,
    }
    return Finding(
        kind="labels_carry_no_signal",
        severity=Severity.CRITICAL if learns else Severity.HIGH,
        confidence=Confidence.HIGH if learns else Confidence.MEDIUM,
        summary=_summary(curves, best_loss, chance, learns=learns),
        evidence=evidence,
        advice=_ADVICE,
    )


def _knows_more_than_chance(curves: Curves) -> bool:
    """Whether training samples are answered better than by naming one class.

    Where classes count differently, fewer right answers may be meant.
    """
    reached, chance = curves.train_accuracy, curves.chance_accuracy
    if reached is None or chance is None or is_weighted(curves):
        return True
    error = accuracy_error(chance, curves.train_samples)
    return reached > chance + ERRORS_ALLOWED * error


def _others_learn(curves: Curves) -> bool:
    """Whether plain methods tell by far what this model does not even learn by heart."""
    seen = curves.inspection
    signal = seen.signal if seen is not None else None
    share = explained_share(curves)
    if signal is None or share is None:
        return False
    best = max(signal.neighbour, signal.linear)
    if best < signal.chance + PLAIN_ERRORS * signal.error:
        return False
    if curves.train_accuracy is not None:
        return curves.train_accuracy < best - PLAIN_ERRORS * signal.error
    return share < best**2 - PLAIN_ERRORS * 2 * best * signal.error


def _only_by_heart(curves: Curves, losses: Numbers, chance: float) -> bool:
    """Whether what is learned, if little, is of no use for validation data.

    Plain methods that fail, too, or a training that gets better while validation does
    not: either tells it from a model that does not learn at all.
    """
    if len(losses) < MIN_AT_CHANCE:
        return False
    if _from_samples(curves) is not None:
        return True
    end = median(tail(losses, 0.2, 3))
    return end >= chance and (explained_share(curves) or 0.0) > BY_HEART


def _from_samples(curves: Curves) -> Finding | None:
    seen = curves.inspection
    signal = seen.signal if seen is not None else None
    if signal is None or signal.samples < MIN_SAMPLES or _beats_chance(curves):
        return None
    best = max(signal.neighbour, signal.linear)
    if best > signal.chance + SIGNAL_ERRORS * signal.error:
        return None
    return Finding(
        kind="labels_carry_no_signal",
        severity=Severity.MEDIUM,
        confidence=Confidence.LOW,
        summary=(
            f"Neither the most similar of {signal.samples} samples nor a linear model "
            "tells the targets better than chance."
        ),
        evidence={
            "by_nearest_sample": rounded(signal.neighbour),
            "by_linear_model": rounded(signal.linear),
            "chance": rounded(signal.chance),
            "error": rounded(signal.error, 2),
            "samples": signal.samples,
        },
        advice=_ADVICE,
    )


def _summary(curves: Curves, loss: float, chance: float, *, learns: bool) -> str:
    accuracy = _best_accuracy(curves)
    reached = (
        f"accuracy {format_percent(accuracy)}"
        if accuracy is not None
        else f"loss {format_number(loss)}, chance is {format_number(chance)}"
    )
    how = "while the training loss falls" if learns else "after several epochs"
    return (
        f"On validation data the model is at chance ({reached}) {how}: "
        "the labels seem to have nothing to do with the inputs."
    )


def _best_accuracy(curves: Curves) -> float | None:
    best = curves.val_accuracy.best(highest=True)
    return best[1] if best is not None else None


def _beats_chance(curves: Curves) -> bool:
    accuracies, chance = finite(curves.val_accuracy.values), curves.chance_accuracy
    if not len(accuracies) or chance is None:
        return False
    # The best of many evaluations is high by luck; their median is not.
    reached = median(np.sort(accuracies)[len(accuracies) // 2 :])
    error = accuracy_error(chance, curves.val_samples)
    return reached > chance + ERRORS_ALLOWED * error
