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
        functools.partial(F.binary_cross_entropy, weight=torch.ones(1)),
        functools.partial(F.mse_loss, size_average=False),
        nn.BCELoss(weight=torch.tensor([2.0])),
        nn.HuberLoss(),
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


def test_soft_targets_give_priors_and_with_class_weights_no_kind():
    soft = torch.tensor([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]])
    facts = describe_loss(nn.CrossEntropyLoss(), outputs=soft, targets=[soft])
    assert facts.kind == "cross_entropy"
    assert facts.priors == pytest.approx([0.25, 0.75, 0.0])
    weighted = nn.CrossEntropyLoss(weight=torch.ones(3))
    assert describe_loss(weighted, outputs=soft, targets=[soft]).kind is None


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
        (nn.BCEWithLogitsLoss(pos_weight=torch.tensor([1.0, 9.0])), torch.zeros(2, 2)),
        (nn.MSELoss(reduction="sum"), torch.zeros(2, 3)),
        (nn.CrossEntropyLoss(reduction="sum"), torch.zeros(2, 4, dtype=torch.long)),
        (nn.CrossEntropyLoss(reduction="sum"), torch.tensor([0, -100])),
    ],
)
def test_arguments_that_no_formula_covers_leave_the_kind_open(loss, targets):
    assert describe_loss(loss, outputs=None, targets=[targets]).kind is None


def test_a_sum_over_samples_is_recognized():
    facts = describe_loss(
        nn.CrossEntropyLoss(reduction="sum"), outputs=SCORES, targets=[LABELS]
    )
    assert (facts.kind, facts.reduction) == ("cross_entropy", "sum")
