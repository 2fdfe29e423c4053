"""Whatever the sample, the answer is the same class."""

from typing import Final

from tuitrain.diagnosis.curves import Curves, accuracy_error
from tuitrain.diagnosis.findings import rounded
from tuitrain.diagnosis.numerics import finite
from tuitrain.diagnosis.rules.progress import is_weighted
from tuitrain.events import Advice, Confidence, Evidence, Finding, Severity
from tuitrain.units import format_percent

MIN_ITERATIONS: Final = 40
"""In the first iterations every model names one class or two."""
TOP: Final = 0.95
MAX_PRIOR: Final = 0.8
"""Share of the most frequent class from which naming it alone may be right."""


MOSTLY_ONE: Final = 0.9
"""Share of one class in the training data, or in what the loss counts of it. Ours: the
benchmark's imbalanced data is at 0.85."""
APART: Final = 0.1
"""By how much fewer answers must be right in validation than one answer gets in training.
Ours."""
APART_IF_FITTED: Final = 0.02
"""The same where one answer, or a better one, is what was learned. Ours."""
APART_ERRORS: Final = 3.0
"""The same in standard errors of the validation accuracy."""
TILTED: Final = 15.0
"""Odds of a class in what the loss counts over its odds among the samples, from which it
is weighted out of proportion. Ours: weights that balance 5 to 95 are at 19, but leave
each class half of the loss."""
MIN_WEIGHTED: Final = 0.6
"""Share of all that the loss counts, from which such a class drowns the others."""


def find_class_collapse(curves: Curves) -> Finding | None:
    """Find a classifier that names one class and next to nothing else, or is bound to.

    What binds it: training data of nearly one class where validation has others, or a
    loss that counts one class far more than the rest.

    Returns:
        The finding, or None: it names several, one class is most of the data, or it is
        too early.
    """
    return _from_weights(curves) or _from_data(curves) or _from_answers(curves)


def _from_weights(curves: Curves) -> Finding | None:
    facts = curves.facts
    if facts is None or not facts.priors:
        return None
    priors = facts.priors
    if len(priors) == 1:
        weights = [1.0, max(facts.pos_weights or [1.0])]
        priors = [1 - priors[0], priors[0]]
    else:
        weights = facts.class_weights or [1.0] * len(priors)
    if len(weights) != len(priors):
        return None
    counted = [p * w for p, w in zip(priors, weights, strict=True)]
    share = max(counted) / max(sum(counted), 1e-12)
    prior = priors[counted.index(max(counted))]
    odds = share / max(1 - share, 1e-12) / max(prior / max(1 - prior, 1e-12), 1e-12)
    if share < MIN_WEIGHTED or odds < TILTED:
        return None
    return _finding(
        f"One class is {format_percent(prior)} of the samples and "
        f"{format_percent(share)} of what the loss counts.",
        {"prior": rounded(prior), "share_of_loss": rounded(share)},
        Advice(text="Weight classes by one over how often they occur, or not at all."),
        at_start=True,
    )


def _from_data(curves: Curves) -> Finding | None:
    priors = curves.facts.priors if curves.facts is not None else None
    accuracies = finite(curves.val_accuracy.values)
    if not priors or not len(accuracies) or is_weighted(curves):
        return None
    most = curves.chance_accuracy or 0.0
    reached = float(accuracies.max())
    if most < MOSTLY_ONE or reached > most - _least_apart(curves, most):
        return None
    return _finding(
        f"{format_percent(most)} of the training samples are one class; of the "
        f"validation samples at most {format_percent(reached)} are answered right.",
        {"largest_prior": rounded(most), "val_accuracy": rounded(reached)},
        Advice(text="Look at how the data was split: is it sorted by class?"),
        at_start=True,
    )


def _least_apart(curves: Curves, most: float) -> float:
    """Return by how much fewer right answers tell that validation has other classes.

    A model that is right as often in training as one answer would be is held back by
    nothing but the other classes, so that less says as much.
    """
    trained = curves.train_accuracy
    if trained is None or trained < most:
        return APART
    return max(APART_IF_FITTED, APART_ERRORS * accuracy_error(most, curves.val_samples))


def _from_answers(curves: Curves) -> Finding | None:
    seen, facts = curves.inspection, curves.facts
    if seen is None or seen.top_class is None or seen.iterations < MIN_ITERATIONS:
        return None
    priors = facts.priors if facts is not None else None
    if not priors or len(priors) < 2 or max(priors) >= MAX_PRIOR:
        return None
    if seen.top_class < TOP:
        return None
    return _finding(
        f"{format_percent(seen.top_class)} of the answers are one class; the most "
        f"frequent one is {format_percent(max(priors))} of the data.",
        {"share_of_answers": rounded(seen.top_class), "classes": len(priors)},
        Advice(text="Look at class weights and at the order of the data: shuffle."),
    )


def _finding(
    summary: str, evidence: Evidence, first: Advice, *, at_start: bool = False
) -> Finding:
    if at_start:
        evidence = {**evidence, "at_start": True}
    return Finding(
        kind="class_collapse",
        severity=Severity.HIGH,
        confidence=Confidence.HIGH,
        summary=summary,
        evidence=evidence,
        advice=(
            first,
            Advice(text="Check the bias of the last layer."),
            Advice(text="Make sure that the loss gets raw scores of all classes."),
        ),
    )
