"""Losses that take more than an output and a target: pairs, triplets, sequences."""

import math

from tuitrain.diagnosis.expected.value import (
    ExpectedLoss,
    bands_of,
    hinge_excess,
    relative_bands,
)
from tuitrain.events import LossFacts


def ctc_at_uniform(
    frames: int, labels: int, repeats: int, classes: int
) -> float | None:
    """Return CTC's loss of one sequence, divided by its labels, at equal probabilities.

    Args:
        frames: T, length of the output.
        labels: L, length of the target.
        repeats: R, labels that equal the one before: a blank must part them.
        classes: C, the blank included.

    Returns:
        The loss; infinite where the target does not fit into the frames. None: there is
        no label.

    Source:
        Each alignment has the probability C^-T, and there are binom(T + L - R, 2L): a
        label fills one or more frames, and blanks may stand before, between and after.
    """
    if labels < 1 or classes < 2:
        return None
    ways = math.comb(frames + labels - repeats, 2 * labels)
    if frames < labels + repeats or not ways:
        return math.inf
    return (frames * math.log(classes) - math.log(ways)) / labels


def expect_triplet(facts: LossFacts) -> ExpectedLoss:
    """TripletMarginLoss: the margin, both distances being alike.

    Positives that resemble their anchor make it less, so there is no lower bound.
    """
    margin = facts.margin
    return ExpectedLoss(
        formula="margin",
        shown="margin",
        value=margin,
        lower=None,
        bands=bands_of(hinge_excess, margin) if margin > 0 else relative_bands(1.0),
        leniency=1,
    )


def expect_margin_ranking(facts: LossFacts) -> ExpectedLoss:
    """MarginRankingLoss: the margin, both scores being alike."""
    margin = max(0.0, facts.margin)
    return ExpectedLoss(
        formula="margin",
        shown="margin",
        value=margin,
        lower=None,
        bands=bands_of(lambda spread: hinge_excess(spread, margin)),
    )


def expect_cosine_embedding(facts: LossFacts) -> ExpectedLoss | None:
    """CosineEmbeddingLoss: 1 a pair that belongs together, embeddings being unrelated.

    Embeddings out of a ReLU all point the same way, which exchanges the two kinds of
    pairs; neither is wrong.
    """
    share = facts.priors[0] if facts.priors else None
    if share is None:
        return None
    value = share + (1 - share) * max(0.0, -facts.margin)
    return ExpectedLoss(
        formula="π",
        shown=f"π = {share:.3g}",
        value=value,
        lower=None,
        bands=relative_bands(1.0),
        leniency=2,
    )


def expect_hinge_embedding(facts: LossFacts) -> ExpectedLoss | None:
    """HingeEmbeddingLoss: the margin for each pair that does not belong together.

    That is at distances of 0; nothing says that they start there.
    """
    share = facts.priors[0] if facts.priors else None
    if share is None:
        return None
    value = (1 - share) * max(0.0, facts.margin)
    return ExpectedLoss(
        formula="(1 − π) · margin",
        shown=f"{1 - share:.3g} · {facts.margin:g}",
        value=value,
        lower=None,
        bands=relative_bands(max(1.0, value)),
        leniency=2,
    )
