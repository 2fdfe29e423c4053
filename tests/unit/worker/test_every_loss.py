"""Each loss of torch: described, expected, and compared with torch at neutral outputs."""

import functools
import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from tuitrain.diagnosis import expected_initial_loss
from tuitrain.diagnosis.expected_loss import chance_loss, ctc_at_uniform
from tuitrain.worker.loss_facts import describe_loss, recognize

MADE = torch.Generator().manual_seed(0)
BATCH, CLASSES = 12, 5
WEIGHTS = torch.tensor([1.0, 2.0, 0.5, 3.0, 1.0])
LABELS = torch.randint(0, CLASSES, (BATCH,), generator=MADE)
SOFT = torch.rand(BATCH, CLASSES, generator=MADE).pow(3)
SOFT = SOFT / SOFT.sum(1, keepdim=True)
PIXELS = torch.randint(0, CLASSES, (BATCH, 3, 4), generator=MADE)
TOKENS = PIXELS.flatten(1).masked_fill(PIXELS.flatten(1) == 2, -100)
ANSWERS = (torch.rand(BATCH, 3, generator=MADE) < 0.3).float()
NUMBERS = torch.randn(BATCH, 2, generator=MADE) * 2 + 1
COUNTS = torch.poisson(torch.full((BATCH,), 3.0), generator=MADE)
SIGNS = ANSWERS * 2 - 1
LABEL_SETS = torch.tensor(
    [[0, 3, -1, 0, 0], [1, -1, 2, 3, 4], [-1] * 5, [4, 2, 0, -1, 1]]
)
SCORES = torch.zeros(BATCH, CLASSES)
LOG_UNIFORM = torch.full((BATCH, CLASSES), -math.log(CLASSES))
SMOOTHED = {"label_smoothing": 0.1}
CROSS_ENTROPIES = [
    (nn.CrossEntropyLoss(reduction=reduction, **arguments), outputs, targets)
    for reduction in ("mean", "sum")
    for arguments in (
        {},
        {"weight": WEIGHTS},
        SMOOTHED,
        {"weight": WEIGHTS, **SMOOTHED},
    )
    for outputs, targets in (
        (SCORES, LABELS),
        (SCORES, SOFT),
        (torch.zeros(BATCH, CLASSES, 3, 4), PIXELS),
        (torch.zeros(BATCH, CLASSES, 12), TOKENS),
    )
]
PAIR_WEIGHTS = torch.tensor([1.0, 4.0, 9.0])
REDUCED = [
    row
    for how in ("mean", "sum")
    for row in (
        (nn.NLLLoss(reduction=how, weight=WEIGHTS), LOG_UNIFORM, LABELS),
        (nn.NLLLoss(reduction=how, ignore_index=2), LOG_UNIFORM, LABELS),
        (nn.BCELoss(reduction=how), torch.full((BATCH, 3), 0.5), ANSWERS),
        (
            nn.BCELoss(reduction=how, weight=PAIR_WEIGHTS),
            torch.full((BATCH, 3), 0.5),
            ANSWERS,
        ),
        (nn.BCEWithLogitsLoss(reduction=how), torch.zeros(BATCH, 3), ANSWERS),
        (
            nn.BCEWithLogitsLoss(reduction=how, pos_weight=torch.tensor([3.0])),
            torch.zeros(BATCH, 3),
            ANSWERS,
        ),
        (
            nn.BCEWithLogitsLoss(reduction=how, pos_weight=PAIR_WEIGHTS),
            torch.zeros(BATCH, 3),
            ANSWERS,
        ),
        (
            nn.BCEWithLogitsLoss(
                reduction=how, pos_weight=PAIR_WEIGHTS, weight=PAIR_WEIGHTS.flip(0)
            ),
            torch.zeros(BATCH, 3),
            ANSWERS,
        ),
        (
            nn.BCEWithLogitsLoss(
                reduction=how, pos_weight=PAIR_WEIGHTS.reshape(3, 1, 1)
            ),
            torch.zeros(BATCH, 3, 2, 2),
            (PIXELS[:, :, :2, None].repeat(1, 1, 1, 2) == 1).float(),
        ),
        (nn.SoftMarginLoss(reduction=how), torch.zeros(BATCH, 3), SIGNS),
        (nn.MultiLabelSoftMarginLoss(reduction=how), torch.zeros(BATCH, 3), ANSWERS),
        (
            nn.MultiLabelSoftMarginLoss(reduction=how, weight=PAIR_WEIGHTS),
            torch.zeros(BATCH, 3),
            ANSWERS,
        ),
        (nn.MultiMarginLoss(reduction=how), SCORES, LABELS),
        (
            nn.MultiMarginLoss(reduction=how, p=2, margin=0.7, weight=WEIGHTS),
            SCORES,
            LABELS,
        ),
        (nn.MultiLabelMarginLoss(reduction=how), torch.zeros(4, CLASSES), LABEL_SETS),
        (nn.MSELoss(reduction=how), torch.zeros(BATCH, 2), NUMBERS),
        (nn.L1Loss(reduction=how), torch.zeros(BATCH, 2), NUMBERS),
        (nn.SmoothL1Loss(reduction=how, beta=0.5), torch.zeros(BATCH, 2), NUMBERS),
        (nn.HuberLoss(reduction=how, delta=2.0), torch.zeros(BATCH, 2), NUMBERS),
        (
            functools.partial(F.gaussian_nll_loss, var=0.5, reduction=how),
            torch.zeros(BATCH, 2),
            NUMBERS,
        ),
        (
            functools.partial(F.gaussian_nll_loss, var=2.0, full=True, reduction=how),
            torch.zeros(BATCH, 2),
            NUMBERS,
        ),
        (nn.PoissonNLLLoss(reduction=how), torch.zeros(BATCH), COUNTS),
        (nn.PoissonNLLLoss(reduction=how, full=True), torch.zeros(BATCH), COUNTS),
        (nn.PoissonNLLLoss(reduction=how, log_input=False), torch.ones(BATCH), COUNTS),
        (nn.KLDivLoss(reduction=how), LOG_UNIFORM, SOFT),
        (nn.KLDivLoss(reduction=how, log_target=True), LOG_UNIFORM, SOFT.log()),
        (
            nn.HingeEmbeddingLoss(margin=0.8, reduction=how),
            torch.zeros(BATCH, 3),
            SIGNS,
        ),
    )
]
OTHERS = [
    (nn.KLDivLoss(reduction="batchmean"), LOG_UNIFORM, SOFT),
    (
        nn.KLDivLoss(reduction="batchmean"),
        LOG_UNIFORM.reshape(4, 3, CLASSES),
        SOFT.reshape(4, 3, CLASSES),
    ),
    (
        nn.KLDivLoss(reduction="batchmean"),
        LOG_UNIFORM.reshape(4, 3, CLASSES).mT,
        SOFT.reshape(4, 3, CLASSES).mT,
    ),
    (F.kl_div, LOG_UNIFORM, SOFT),
    (F.smooth_l1_loss, torch.zeros(BATCH, 2), NUMBERS),
    (functools.partial(F.huber_loss, delta=0.5), torch.zeros(BATCH, 2), NUMBERS),
    (functools.partial(F.poisson_nll_loss, full=True), torch.zeros(BATCH), COUNTS),
    (F.soft_margin_loss, torch.zeros(BATCH, 3), SIGNS),
    (F.multilabel_margin_loss, torch.zeros(4, CLASSES), LABEL_SETS),
    (F.multilabel_soft_margin_loss, torch.zeros(BATCH, 3), ANSWERS),
    (F.hinge_embedding_loss, torch.zeros(BATCH, 3), SIGNS),
    (functools.partial(F.mse_loss, reduction="sum"), torch.zeros(BATCH, 2), NUMBERS),
]
ALL = [*CROSS_ENTROPIES, *REDUCED, *OTHERS]


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
@pytest.mark.parametrize(("loss", "outputs", "targets"), ALL)
def test_the_expected_loss_is_what_torch_gives_for_an_undecided_model(
    loss, outputs, targets
):
    facts = describe_loss(
        loss, outputs=outputs, targets=[targets], batch_size=len(targets)
    )
    expected = expected_initial_loss(facts)
    assert facts.kind is not None
    assert expected is not None
    assert expected.formula != "loss at constant output"
    measured = loss(outputs, targets).item()
    assert expected.value == pytest.approx(measured, rel=1e-5)
    assert expected.lower is None or expected.lower <= measured + 1e-5
    assert all(
        low < high
        for low, high in zip((0, *expected.bands), expected.bands, strict=False)
    )


BOUNDED = [
    row
    for row in ALL
    if recognize(row[0]).kind
    in ("cross_entropy", "bce_with_logits", "soft_margin", "multi_label_soft_margin")
    and row[1].ndim == 2
] + [
    (nn.PoissonNLLLoss(), torch.zeros(BATCH, 1), COUNTS[:, None]),
    (nn.MSELoss(), torch.zeros(BATCH, 2), NUMBERS),
    (nn.MSELoss(reduction="sum"), torch.zeros(BATCH, 2), NUMBERS),
]


@pytest.mark.parametrize(("loss", "outputs", "targets"), BOUNDED)
def test_the_lower_bound_is_what_the_best_constant_answer_reaches(
    loss, outputs, targets
):
    answer = torch.zeros(1, outputs.shape[1], dtype=torch.double, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [answer], lr=0.5, max_iter=500, line_search_fn="strong_wolfe"
    )
    precise = targets.double() if targets.is_floating_point() else targets
    if isinstance(loss, nn.Module):
        loss = type(loss)(**_arguments(loss))

    def closure():
        optimizer.zero_grad()
        value = loss(answer.expand(len(targets), -1), precise)
        value.backward()
        return value

    optimizer.step(closure)
    facts = describe_loss(
        loss, outputs=outputs, targets=[targets], batch_size=len(targets)
    )
    assert chance_loss(facts) == pytest.approx(closure().item(), rel=1e-3)


def _arguments(loss: nn.Module) -> dict[str, object]:
    names = ("weight", "pos_weight", "label_smoothing", "reduction", "log_input")
    given = {n: getattr(loss, n) for n in names if getattr(loss, n, None) is not None}
    return {
        n: each.double() if isinstance(each, torch.Tensor) else each
        for n, each in given.items()
    }


@pytest.mark.parametrize(
    ("loss", "kind"),
    [
        (nn.CTCLoss(), "ctc"),
        (F.ctc_loss, "ctc"),
        (nn.TripletMarginLoss(margin=0.4), "triplet_margin"),
        (nn.TripletMarginWithDistanceLoss(margin=0.4), "triplet_margin"),
        (functools.partial(F.triplet_margin_loss, margin=0.4), "triplet_margin"),
        (nn.CosineEmbeddingLoss(), "cosine_embedding"),
        (functools.partial(F.cosine_embedding_loss, margin=0.5), "cosine_embedding"),
        (nn.MarginRankingLoss(margin=0.4), "margin_ranking"),
        (nn.GaussianNLLLoss(), "gaussian_nll"),
    ],
)
def test_a_loss_of_several_arguments_is_known_by_name_and_by_what_it_declares(
    loss, kind
):
    first, second = torch.randn(2, BATCH, 3, generator=MADE)
    facts = describe_loss(loss, outputs=first, targets=[second], batch_size=BATCH)
    assert facts.kind == kind
    assert facts.zero_output_loss is None
    assert facts.constant_loss is None
    expected = expected_initial_loss(facts)
    if kind in ("triplet_margin", "margin_ranking"):
        assert expected is not None
        assert expected.value == pytest.approx(0.4)
    else:
        assert expected is None


def test_ctc_in_a_function_of_its_own_is_measured_and_agrees_with_its_formula():
    frames, labels = torch.full((4,), 9), torch.tensor([[1, 2, 2], [3, 1, 4]] * 2)

    def loss(outputs, targets):
        return F.ctc_loss(outputs.log_softmax(-1), targets, frames, torch.full((4,), 3))

    outputs = torch.randn(9, 4, CLASSES, generator=MADE)
    facts = describe_loss(
        loss, outputs=outputs, targets=[labels], batch_size=4, may_ask=True
    )
    expected = expected_initial_loss(facts)
    assert expected is not None
    assert expected.formula == "loss at constant output"
    one, other = ctc_at_uniform(9, 3, 1, CLASSES), ctc_at_uniform(9, 3, 0, CLASSES)
    assert one is not None
    assert other is not None
    assert expected.value == pytest.approx((one + other) / 2, rel=1e-5)
