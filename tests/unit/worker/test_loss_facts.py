"""Facts about a loss: recognized for certain, or left open."""

import functools
import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from tuitrain.diagnosis import expected_initial_loss
from tuitrain.worker.loss_facts import describe_loss, recognize

LABELS = torch.tensor([0, 1, 1, 2])
SCORES = torch.zeros(4, 3)
YES_NO = torch.tensor([1.0, 0.0, 0.0, 0.0])


@pytest.mark.parametrize(
    ("module", "function", "kind"),
    [
        (nn.CrossEntropyLoss, F.cross_entropy, "cross_entropy"),
        (nn.NLLLoss, F.nll_loss, "nll"),
        (nn.BCELoss, F.binary_cross_entropy, "bce"),
        (nn.BCEWithLogitsLoss, F.binary_cross_entropy_with_logits, "bce_with_logits"),
        (nn.MultiMarginLoss, F.multi_margin_loss, "multi_margin"),
        (nn.MSELoss, F.mse_loss, "mse"),
        (nn.L1Loss, F.l1_loss, "l1"),
        (nn.SmoothL1Loss, F.smooth_l1_loss, "smooth_l1"),
        (nn.HuberLoss, F.huber_loss, "huber"),
        (nn.GaussianNLLLoss, F.gaussian_nll_loss, "gaussian_nll"),
        (nn.PoissonNLLLoss, F.poisson_nll_loss, "poisson_nll"),
        (nn.KLDivLoss, F.kl_div, "kl_div"),
        (nn.SoftMarginLoss, F.soft_margin_loss, "soft_margin"),
        (
            nn.MultiLabelSoftMarginLoss,
            F.multilabel_soft_margin_loss,
            "multi_label_soft_margin",
        ),
        (nn.MultiLabelMarginLoss, F.multilabel_margin_loss, "multi_label_margin"),
        (nn.CTCLoss, F.ctc_loss, "ctc"),
        (nn.TripletMarginLoss, F.triplet_margin_loss, "triplet_margin"),
        (nn.CosineEmbeddingLoss, F.cosine_embedding_loss, "cosine_embedding"),
        (nn.MarginRankingLoss, F.margin_ranking_loss, "margin_ranking"),
        (nn.HingeEmbeddingLoss, F.hinge_embedding_loss, "hinge_embedding"),
    ],
)
def test_module_function_and_partial_of_a_criterion_are_recognized(
    module, function, kind
):
    assert recognize(module()).kind == kind
    assert recognize(function).kind == kind
    partial = functools.partial(function, reduction="sum")
    assert recognize(partial).kind == kind
    facts = describe_loss(partial, outputs=None, targets=[])
    assert (facts.name, facts.reduction) == (function.__name__, "sum")
    assert describe_loss(module(), outputs=None, targets=[]).name == module.__name__


class OwnForward(nn.CrossEntropyLoss):
    def forward(self, outputs, targets):
        return super().forward(outputs, targets) * 2


class OwnName(nn.CrossEntropyLoss):
    """A subclass that changes nothing."""


@pytest.mark.parametrize(
    "loss",
    [
        OwnForward(),
        lambda outputs, targets: (outputs - targets).mean(),
        functools.partial(F.cross_entropy, torch.zeros(1, 3)),
        functools.partial(F.mse_loss, size_average=False),
        functools.partial(F.mse_loss, weight=torch.ones(1)),  # type: ignore[call-arg]
        functools.partial(F.huber_loss, torch.zeros(1)),
        nn.Sequential(),
    ],
)
def test_what_no_formula_knows_is_left_open(loss):
    assert recognize(loss).kind is None
    facts = describe_loss(loss, outputs=SCORES, targets=[LABELS])
    assert facts.kind is None
    assert facts.priors is None


def test_a_subclass_that_changes_nothing_is_recognized():
    criterion = recognize(OwnName())
    assert (criterion.name, criterion.kind) == ("OwnName", "cross_entropy")


def test_cross_entropy_with_all_its_arguments():
    loss = nn.CrossEntropyLoss(
        weight=torch.tensor([1.0, 2.0, 4.0]), ignore_index=2, label_smoothing=0.1
    )
    facts = describe_loss(loss, outputs=SCORES, targets=[LABELS], batch_size=4)
    assert (facts.classes, facts.outputs, facts.batch_size) == (3, 3, 4)
    assert facts.class_weights == [1.0, 2.0, 4.0]
    assert facts.label_smoothing == pytest.approx(0.1)
    assert facts.ignore_index == 2
    assert facts.priors == pytest.approx([1 / 3, 2 / 3, 0])
    assert facts.reduction == "mean"
    assert facts.constant_loss is None


def test_priors_are_counted_over_all_minibatches():
    facts = describe_loss(
        nn.NLLLoss(), outputs=SCORES, targets=[LABELS, torch.tensor([0, 0, 0, 0])]
    )
    assert facts.priors == pytest.approx([5 / 8, 2 / 8, 1 / 8])
    assert facts.ignore_index == -100


def test_classes_of_a_segmentation_are_the_second_dimension():
    facts = describe_loss(
        nn.CrossEntropyLoss(),
        outputs=torch.zeros(2, 5, 4, 4),
        targets=[torch.ones(2, 4, 4, dtype=torch.long)],
    )
    assert (facts.classes, facts.outputs) == (5, 4)
    assert facts.priors == [0.0, 1.0, 0.0, 0.0, 0.0]


def test_soft_targets_give_priors_and_are_told_from_labels():
    soft = torch.tensor([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]])
    facts = describe_loss(nn.CrossEntropyLoss(), outputs=soft, targets=[soft])
    assert facts.kind == "cross_entropy"
    assert facts.priors == pytest.approx([0.25, 0.75, 0.0])
    assert facts.soft_targets
    labelled = describe_loss(nn.CrossEntropyLoss(), outputs=SCORES, targets=[LABELS])
    assert not labelled.soft_targets


def test_binary_losses_know_the_share_of_positives():
    loss = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([3.0]))
    facts = describe_loss(loss, outputs=torch.zeros(4), targets=[YES_NO])
    assert facts.priors == [0.25]
    assert facts.pos_weights == [3.0]
    assert facts.classes == 2


def test_a_hinge_knows_its_margin_and_power():
    loss = nn.MultiMarginLoss(p=2, margin=0.5)
    facts = describe_loss(loss, outputs=SCORES, targets=[LABELS])
    assert (facts.margin, facts.power, facts.classes) == (0.5, 2, 3)
    assert facts.priors == [0.25, 0.5, 0.25]


@pytest.mark.parametrize("loss", [nn.MSELoss(), nn.L1Loss(), nn.SmoothL1Loss()])
def test_a_regression_knows_its_targets_and_the_constant_predictor(loss):
    batches = [torch.tensor([[1.0], [3.0]]), torch.tensor([[5.0], [-1.0]])]
    facts = describe_loss(loss, outputs=torch.zeros(2, 1), targets=batches)
    assert facts.target_mean == pytest.approx(2)
    assert facts.target_second_moment == pytest.approx(9)
    assert facts.target_mean_abs == pytest.approx(2.5)
    mean = torch.full((2, 1), 2.0)
    expected = sum(loss(mean, y).item() for y in batches) / 2
    assert facts.constant_loss == pytest.approx(expected)


def test_several_outputs_have_a_constant_each():
    targets = torch.tensor([[1.0, 100.0], [3.0, 100.0]])
    facts = describe_loss(nn.MSELoss(), outputs=targets, targets=[targets])
    assert facts.constant_loss == pytest.approx(0.5)


def test_a_loss_that_refuses_the_constant_leaves_it_open():
    def picky(outputs, targets):
        raise RuntimeError("only for graphs")

    facts = describe_loss(picky, outputs=torch.zeros(2), targets=[torch.ones(2)])
    assert facts.constant_loss is None
    assert facts.target_mean == 1.0


def test_a_declared_value_is_kept_whatever_the_loss():
    facts = describe_loss(lambda o, y: o, outputs=None, targets=[], expected=6)
    assert facts.expected == 6.0


def test_the_facts_agree_with_torch_at_zero_outputs():
    """The formulas of the issue hold for what is described, at logits of 0."""
    facts = describe_loss(nn.CrossEntropyLoss(), outputs=SCORES, targets=[LABELS])
    assert nn.CrossEntropyLoss()(SCORES, LABELS).item() == pytest.approx(
        math.log(facts.classes or 0)
    )


WEIGHTS = torch.tensor([1.0, 2.0, 5.0])


@pytest.mark.parametrize(
    ("loss", "outputs", "targets"),
    [
        (nn.CrossEntropyLoss(), SCORES, LABELS),
        (nn.CrossEntropyLoss(weight=WEIGHTS), SCORES, LABELS),
        (nn.CrossEntropyLoss(label_smoothing=0.2), SCORES, LABELS),
        (nn.CrossEntropyLoss(weight=WEIGHTS, label_smoothing=0.2), SCORES, LABELS),
        (nn.CrossEntropyLoss(ignore_index=1), SCORES, LABELS),
        (nn.NLLLoss(weight=WEIGHTS), SCORES.log_softmax(1), LABELS),
        (nn.BCELoss(), torch.full((4,), 0.5), YES_NO),
        (nn.BCEWithLogitsLoss(), torch.zeros(4), YES_NO),
        (nn.BCEWithLogitsLoss(pos_weight=torch.tensor([3.0])), torch.zeros(4), YES_NO),
        (nn.MultiMarginLoss(), SCORES, LABELS),
        (nn.MultiMarginLoss(p=2, margin=0.5, weight=WEIGHTS), SCORES, LABELS),
        (nn.MSELoss(), torch.zeros(4), torch.tensor([1.0, 2.0, -3.0, 0.5])),
        (nn.L1Loss(), torch.zeros(4), torch.tensor([1.0, 2.0, -3.0, 0.5])),
    ],
)
def test_the_facts_suffice_for_the_loss_that_torch_gives_at_outputs_of_zero(
    loss, outputs, targets
):
    facts = describe_loss(loss, outputs=outputs, targets=[targets], batch_size=4)
    expected = expected_initial_loss(facts)
    assert expected is not None
    assert expected.value == pytest.approx(loss(outputs, targets).item(), rel=1e-5)


@pytest.mark.parametrize(
    ("loss", "targets"),
    [
        (nn.BCELoss(weight=torch.rand(4, 1)), torch.zeros(4, 2)),
        (nn.BCEWithLogitsLoss(pos_weight=torch.ones(3)), torch.zeros(4, 2)),
        (nn.KLDivLoss(reduction="sum"), torch.rand(4, 3)),
        (
            nn.BCEWithLogitsLoss(pos_weight=torch.arange(5000.0)),
            torch.zeros(2, 5000),
        ),
    ],
)
def test_arguments_and_targets_that_no_formula_covers_leave_the_kind_open(
    loss, targets
):
    facts = describe_loss(loss, outputs=None, targets=[targets])
    assert (facts.kind, facts.priors, facts.class_weights) == (None, None, None)


def test_each_output_of_a_binary_loss_has_its_share_of_positives():
    targets = [torch.tensor([[1.0, 0.0], [1.0, 1.0]]), torch.tensor([[0.0, 0.0]])]
    loss = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([1.0, 9.0]))
    facts = describe_loss(loss, outputs=torch.zeros(2, 2), targets=targets)
    assert facts.output_priors == pytest.approx([2 / 3, 1 / 3])
    assert facts.pos_weights == [1.0, 9.0]
    assert facts.priors == pytest.approx([0.5])


@pytest.mark.parametrize(
    ("loss", "targets", "positions", "counted"),
    [
        (nn.CrossEntropyLoss(), torch.tensor([0, -100]), None, 1),
        (nn.CrossEntropyLoss(), torch.zeros(2, 4, dtype=torch.long), 4, 8),
        (nn.CrossEntropyLoss(), torch.tensor([[0, -100], [0, 1]]), 2, 3),
        (nn.CrossEntropyLoss(), torch.tensor([[0.5, 0.5], [1.0, 0.0]]), None, 2),
        (nn.MSELoss(), torch.zeros(2, 3), 3, 6),
        (nn.MultiMarginLoss(), torch.tensor([0, 1]), None, 2),
        (nn.MultiLabelSoftMarginLoss(), torch.zeros(2, 3), None, 2),
    ],
)
def test_targets_are_counted_as_a_sum_would(loss, targets, positions, counted):
    outputs = torch.zeros(2, 2)
    facts = describe_loss(loss, outputs=outputs, targets=[targets], batch_size=2)
    assert (facts.positions, facts.counted) == (positions, counted)


def test_of_a_whole_data_set_the_count_is_that_of_one_minibatch():
    targets = torch.zeros(100, 3)
    facts = describe_loss(nn.MSELoss(), outputs=None, targets=[targets], batch_size=8)
    assert facts.counted == pytest.approx(24)


def test_sequences_of_several_lengths_have_no_number_of_positions():
    batches = [torch.zeros(2, length, dtype=torch.long) for length in (3, 5)]
    facts = describe_loss(
        nn.CrossEntropyLoss(), outputs=torch.zeros(2, 4, 3), targets=batches
    )
    assert (facts.positions, facts.counted) == (None, 8)
