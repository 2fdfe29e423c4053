"""Losses of pairs, triplets and sequences, compared with torch's own at equal outputs."""

import itertools
import math

import pytest
import torch
from torch import nn

from tuitrain.diagnosis import expected_initial_loss
from tuitrain.diagnosis.expected_loss import ctc_at_uniform
from tuitrain.events import LossFacts

PAIRS = torch.tensor([1.0, -1.0, -1.0, 1.0, -1.0])
SHARE = 0.4


@pytest.mark.parametrize("labels", [[1], [1, 2], [1, 1], [1, 2, 2, 2, 3]])
@pytest.mark.parametrize("frames", [8, 20])
@pytest.mark.parametrize("classes", [4, 30])
def test_ctc_counts_the_alignments_of_a_target(labels, frames, classes):
    log_probs = torch.full((frames, 1, classes), -math.log(classes))
    measured = nn.CTCLoss()(
        log_probs,
        torch.tensor([labels]),
        torch.tensor([frames]),
        torch.tensor([len(labels)]),
    ).item()
    repeats = sum(a == b for a, b in itertools.pairwise(labels))
    expected = ctc_at_uniform(frames, len(labels), repeats, classes)
    assert expected == pytest.approx(measured, rel=1e-5)


def test_ctc_of_a_target_that_does_not_fit_is_infinite():
    assert ctc_at_uniform(3, 2, 1, 5) == pytest.approx(3 * math.log(5) / 2)
    assert ctc_at_uniform(2, 2, 1, 5) == math.inf
    assert ctc_at_uniform(2, 0, 0, 5) is None


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("margin", [0.2, 1.0])
@pytest.mark.parametrize(
    ("kind", "criterion", "arguments"),
    [
        ("triplet_margin", nn.TripletMarginLoss, [torch.zeros(5, 3)] * 3),
        ("margin_ranking", nn.MarginRankingLoss, [*[torch.zeros(5)] * 2, PAIRS]),
        ("cosine_embedding", nn.CosineEmbeddingLoss, [*[torch.zeros(5, 3)] * 2, PAIRS]),
        ("hinge_embedding", nn.HingeEmbeddingLoss, [torch.zeros(5), PAIRS]),
    ],
)
def test_pairs_and_triplets_at_equal_outputs(
    kind, criterion, arguments, margin, reduction
):
    measured = criterion(margin=margin, reduction=reduction)(*arguments).item()
    facts = LossFacts(
        name=kind,
        kind=kind,
        margin=margin,
        reduction=reduction,
        priors=[SHARE],
        batch_size=5,
    )
    expected = expected_initial_loss(facts)
    assert expected is not None
    assert expected.value == pytest.approx(measured, rel=1e-5)
    assert expected.lower is None


@pytest.mark.parametrize("margin", [-0.5, 0.0])
def test_a_cosine_below_zero_may_be_asked_for(margin):
    measured = nn.CosineEmbeddingLoss(margin=margin)(
        torch.zeros(5, 3), torch.zeros(5, 3), PAIRS
    ).item()
    facts = LossFacts(name="c", kind="cosine_embedding", margin=margin, priors=[SHARE])
    expected = expected_initial_loss(facts)
    assert expected is not None
    assert expected.value == pytest.approx(measured, rel=1e-5)
