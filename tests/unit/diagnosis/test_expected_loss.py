"""The expected initial loss, compared with torch's own losses on outputs of zero."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tuitrain.diagnosis import expected_initial_loss, implied_spread
from tuitrain.diagnosis.expected_loss import chance_loss, entropy
from tuitrain.events import LossFacts

BATCH = 64
LABELS = torch.randint(0, 5, (BATCH,), generator=torch.Generator().manual_seed(0))
WEIGHTS = [1.0, 2.0, 0.5, 3.0, 1.0]
PRIORS = (torch.bincount(LABELS, minlength=5) / BATCH).tolist()


def _facts(kind: str, **known) -> LossFacts:
    return LossFacts(
        name=kind, kind=kind, classes=5, priors=PRIORS, batch_size=BATCH, **known
    )


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_with_weights_and_smoothing(reduction, weights, smoothing):
    criterion = nn.CrossEntropyLoss(
        weight=None if weights is None else torch.tensor(weights),
        label_smoothing=smoothing,
        reduction=reduction,
    )
    expected = expected_initial_loss(
        _facts(
            "cross_entropy",
            reduction=reduction,
            class_weights=weights,
            label_smoothing=smoothing,
        )
    )
    assert expected is not None
    measured = criterion(torch.zeros(BATCH, 5), LABELS).item()
    assert expected.value == pytest.approx(measured, rel=1e-5)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("power", [1, 2])
def test_multi_margin(reduction, weights, power):
    criterion = nn.MultiMarginLoss(
        p=power,
        margin=0.7,
        weight=None if weights is None else torch.tensor(weights),
        reduction=reduction,
    )
    facts = _facts(
        "multi_margin",
        reduction=reduction,
        class_weights=weights,
        margin=0.7,
        power=power,
    )
    expected = expected_initial_loss(facts)
    assert expected is not None
    measured = criterion(torch.zeros(BATCH, 5), LABELS).item()
    assert expected.value == pytest.approx(measured, rel=1e-5)


@pytest.mark.parametrize("pos_weight", [None, 3.0])
def test_binary_cross_entropy(pos_weight):
    labels = (LABELS == 0).float()
    weights = None if pos_weight is None else [pos_weight]
    criterion = nn.BCEWithLogitsLoss(
        pos_weight=None if weights is None else torch.tensor(weights)
    )
    share = labels.mean().item()
    expected = expected_initial_loss(
        LossFacts(name="b", kind="bce_with_logits", pos_weights=weights, priors=[share])
    )
    assert expected is not None
    measured = criterion(torch.zeros(BATCH), labels).item()
    assert expected.value == pytest.approx(measured, rel=1e-5)
    plain = expected_initial_loss(LossFacts(name="b", kind="bce"))
    assert plain is not None
    assert plain.value == pytest.approx(math.log(2))


def test_regression_losses_are_those_of_answering_zero():
    targets = torch.randn(BATCH, generator=torch.Generator().manual_seed(1)) + 2
    zeros = torch.zeros(BATCH)
    for kind, criterion in (("mse", nn.MSELoss()), ("l1", nn.L1Loss())):
        facts = LossFacts(
            name=kind,
            kind=kind,
            target_mean=targets.mean().item(),
            target_second_moment=(targets**2).mean().item(),
            target_mean_abs=targets.abs().mean().item(),
        )
        expected = expected_initial_loss(facts)
        assert expected is not None
        measured = criterion(zeros, targets).item()
        assert expected.value == pytest.approx(measured, rel=1e-5)


@pytest.mark.parametrize(("weights", "smoothing"), [(None, 0.0), (WEIGHTS, 0.1)])
def test_no_constant_answer_goes_below_the_lower_bound(weights, smoothing):
    criterion = nn.CrossEntropyLoss(
        weight=None if weights is None else torch.tensor(weights),
        label_smoothing=smoothing,
    )
    logits = torch.zeros(5, requires_grad=True)
    optimizer = torch.optim.LBFGS([logits], max_iter=200)

    def closure():
        optimizer.zero_grad()
        loss = criterion(logits.expand(BATCH, 5), LABELS)
        loss.backward()
        return loss

    optimizer.step(closure)
    facts = _facts(
        "cross_entropy",
        reduction="mean",
        class_weights=weights,
        label_smoothing=smoothing,
    )
    assert chance_loss(facts) == pytest.approx(closure().item(), abs=1e-4)


@pytest.mark.parametrize("spread", [0.25, 0.5, 1.0])
def test_the_implied_spread_is_that_of_the_logits(spread):
    generator = torch.Generator().manual_seed(2)
    logits = spread * torch.randn(20_000, 100, generator=generator)
    labels = torch.randint(0, 100, (20_000,), generator=generator)
    excess = nn.functional.cross_entropy(logits, labels).item() - math.log(100)
    assert implied_spread(excess) == pytest.approx(spread, rel=0.05)


def _drawn(kind: str, spread: float, count: int = 100_000) -> tuple[float, float]:
    """Return the loss for outputs of 0, and for normal ones of this spread."""
    generator = torch.Generator().manual_seed(3)
    labels = torch.randint(0, 5, (count,), generator=generator)
    numbers = torch.randn(count, generator=generator)
    yes = (labels == 0).float()
    pairs = nn.functional.one_hot(labels, 5)
    targets = {
        "bce_with_logits": yes,
        "soft_margin": 2 * yes - 1,
        "multi_label_soft_margin": pairs.float(),
        "multi_margin": labels,
        "multi_label_margin": torch.cat(
            [labels[:, None], torch.full((count, 4), -1)], dim=1
        ),
    }.get(kind, numbers)
    has_scores = kind.startswith("multi")
    shape = (count, 5) if has_scores else (count,)
    outputs = spread * torch.randn(shape, generator=generator)
    criteria: dict[str, Callable[..., torch.Tensor]] = {
        "bce_with_logits": nn.BCEWithLogitsLoss(),
        "soft_margin": nn.SoftMarginLoss(),
        "multi_label_soft_margin": nn.MultiLabelSoftMarginLoss(),
        "multi_margin": nn.MultiMarginLoss(),
        "multi_label_margin": nn.MultiLabelMarginLoss(),
        "mse": nn.MSELoss(),
        "l1": nn.L1Loss(),
        "smooth_l1": nn.SmoothL1Loss(beta=0.5),
        "huber": nn.HuberLoss(delta=0.5),
        "gaussian_nll": lambda x, y: nn.GaussianNLLLoss()(x, y, torch.ones(count)),
    }
    criterion = criteria[kind]
    zeros = torch.zeros_like(outputs)
    return criterion(zeros, targets).item(), criterion(outputs, targets).item()


@pytest.mark.parametrize(
    "kind",
    [
        "bce_with_logits",
        "soft_margin",
        "multi_label_soft_margin",
        "multi_margin",
        "multi_label_margin",
        "mse",
        "l1",
        "smooth_l1",
        "huber",
        "gaussian_nll",
    ],
)
@pytest.mark.parametrize(("index", "spread"), [(0, 0.5), (1, 1.0), (2, 2.0)])
def test_the_bands_are_what_outputs_of_spread_a_half_one_and_two_add(
    kind, index, spread
):
    at_zero, measured = _drawn(kind, spread)
    facts = LossFacts(
        name=kind,
        kind=kind,
        classes=5,
        target_second_moment=1.0,
        target_mean=0.0,
        target_mean_abs=math.sqrt(2 / math.pi),
        threshold=0.5,
        variance=1.0,
        positives_mean=1.0,
        positives_second_moment=1.0,
        zero_output_loss=at_zero,
    )
    expected = expected_initial_loss(facts)
    assert expected is not None
    assert expected.value == pytest.approx(at_zero, rel=0.02)
    excess = measured - expected.value
    assert excess == pytest.approx(expected.bands[index], rel=0.03, abs=0.006)


def test_what_the_script_declares_goes_first():
    expected = expected_initial_loss(
        LossFacts(name="mine", kind="cross_entropy", classes=10, expected=6.0)
    )
    assert expected is not None
    assert (expected.value, expected.formula) == (6.0, "declared")


@pytest.mark.parametrize(
    "facts",
    [
        LossFacts(name="MyLoss"),
        LossFacts(name="FocalLoss", kind="focal"),
        LossFacts(name="c", kind="cross_entropy"),
        LossFacts(name="c", kind="cross_entropy", classes=10, reduction="sum"),
        LossFacts(name="m", kind="mse"),
        LossFacts(name="b", kind="bce_with_logits", pos_weights=[2.0]),
        LossFacts(name="h", kind="multi_margin", classes=3, class_weights=[1, 2, 3]),
        LossFacts(name="p", kind="poisson_nll", zero_output_loss=7.0),
        LossFacts(name="g", kind="gaussian_nll", target_second_moment=1.0),
        LossFacts(name="s", kind="smooth_l1", target_second_moment=1.0),
        LossFacts(name="k", kind="kl_div", classes=3),
        LossFacts(name="m", kind="multi_label_margin", classes=3),
        LossFacts(name="c", kind="ctc", zero_output_loss=3.0),
        LossFacts(name="c", kind="cosine_embedding"),
        LossFacts(name="h", kind="hinge_embedding"),
        LossFacts(name="zero", zero_output_loss=0.0),
        LossFacts(name="b", kind="bce", class_weights=[1, 2], output_priors=[0.1] * 3),
        LossFacts(
            name="b", kind="bce_with_logits", priors=[0.1], pos_weights=[1.0, 2.0]
        ),
        LossFacts(
            name="c",
            kind="cross_entropy",
            classes=3,
            reduction="sum",
            class_weights=[1, 2, 3],
            batch_size=8,
        ),
    ],
)
def test_what_is_not_known_is_not_guessed(facts):
    assert expected_initial_loss(facts) is None


def test_a_loss_without_a_formula_has_no_chance_loss():
    facts = LossFacts(name="Focal", zero_output_loss=2.0)
    expected = expected_initial_loss(facts)
    assert expected is not None
    assert (expected.value, expected.formula) == (2.0, "loss at constant output")
    assert chance_loss(facts) is None


def test_a_formula_that_lacks_a_fact_gives_way_to_what_was_measured():
    facts = LossFacts(name="m", kind="multi_margin", zero_output_loss=0.9)
    expected = expected_initial_loss(facts)
    assert expected is not None
    assert (expected.value, expected.leniency) == (0.9, 1)


@settings(deadline=None)
@given(st.lists(st.floats(min_value=0.01, max_value=1.0), min_size=2, max_size=50))
def test_entropy_is_at_most_that_of_equal_shares(shares):
    assert -1e-9 <= entropy(shares) <= math.log(len(shares)) + 1e-9
