"""The loss at constant output: measured for whatever takes outputs and targets."""

import math
import random

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from tuitrain.diagnosis import expected_initial_loss
from tuitrain.worker.loss_facts import describe_loss
from tuitrain.worker.zero_output import MAX_MINIBATCHES, measure_zero_output

MADE = torch.Generator().manual_seed(1)
LABELS = torch.randint(0, 10, (32,), generator=MADE)
OUTPUTS = torch.randn(32, 10, generator=MADE)
YES = (LABELS < 3).float()


def _weston_watkins(outputs, labels):
    misses = (1 + outputs - outputs.gather(1, labels[:, None])).clamp(min=0)
    return (misses.sum(1) - 1).mean()


def _crammer_singer(outputs, labels):
    right = outputs.gather(1, labels[:, None])[:, 0]
    others = outputs.scatter(1, labels[:, None], -math.inf).amax(1)
    return (1 + others - right).clamp(min=0).mean()


def _focal(outputs, labels):
    log_p = -F.cross_entropy(outputs, labels, reduction="none")
    return (-((1 - log_p.exp()) ** 2) * log_p).mean()


def _binary_focal(outputs, targets):
    loss = F.binary_cross_entropy_with_logits(outputs, targets, reduction="none")
    alpha = 0.25 * targets + 0.75 * (1 - targets)
    return (alpha * (1 - (-loss).exp()) ** 2 * loss).mean()


def _dice(outputs, targets):
    p = outputs.sigmoid()
    return 1 - 2 * (p * targets).sum() / (p.sum() + targets.sum())


def _info_nce(outputs, _):
    unit = F.normalize(outputs, dim=1)
    return F.cross_entropy(unit @ unit.T / 0.1, torch.arange(len(unit)))


SHARE = YES.mean().item()


@pytest.mark.parametrize(
    ("loss", "outputs", "targets", "value"),
    [
        (_weston_watkins, OUTPUTS, LABELS, 9.0),
        (_crammer_singer, OUTPUTS, LABELS, 1.0),
        (_focal, OUTPUTS, LABELS, 0.9**2 * math.log(10)),
        (
            _binary_focal,
            OUTPUTS[:, 0],
            YES,
            0.25 * math.log(2) * (0.25 * SHARE + 0.75 * (1 - SHARE)),
        ),
        (_dice, OUTPUTS[:, 0], YES, 0.5 / (0.5 + SHARE)),
        (_info_nce, OUTPUTS, LABELS, math.log(32)),
        (lambda o, y: F.cross_entropy(o, y), OUTPUTS, LABELS, math.log(10)),
        (
            lambda o, y: F.cross_entropy(o.flatten(0, 1), y.flatten()),
            torch.zeros(4, 8, 10),
            LABELS.reshape(4, 8),
            math.log(10),
        ),
        (
            lambda o, y: F.gaussian_nll_loss(o[:, 0], y, o[:, 1].exp()),
            OUTPUTS,
            YES,
            SHARE / 2,
        ),
        (lambda o, y: F.l1_loss(o, y).item(), OUTPUTS[:, 0], YES, SHARE),
    ],
)
def test_a_loss_of_ones_own_is_measured(loss, outputs, targets, value):
    facts = describe_loss(
        loss, outputs=outputs, targets=[targets], batch_size=32, may_ask=True
    )
    expected = expected_initial_loss(facts)
    assert facts.kind is None
    assert expected is not None
    assert expected.value == pytest.approx(value, rel=1e-4)
    assert expected.formula == "loss at constant output"


@pytest.mark.parametrize(
    "loss",
    [
        lambda o, y: -o.gather(1, y[:, None]).log().mean(),
        lambda o, y: (o / o).mean(),
        lambda o, y: F.cross_entropy(o, y, reduction="none"),
        lambda o, y: {"loss": o.mean()},
        lambda o: o.mean(),
        lambda o, y: 1 / 0,
        nn.NLLLoss(),
        nn.BCELoss(),
        nn.PoissonNLLLoss(log_input=False),
        nn.TripletMarginLoss(),
        "no function",
    ],
    ids=[
        "likelihood of probabilities",
        "NaN at zero",
        "a loss a sample",
        "a dictionary",
        "one argument",
        "an error",
        "NLL",
        "BCE",
        "Poisson",
        "triplet",
        "no function",
    ],
)
def test_what_can_not_be_asked_or_has_no_number_at_zero_is_left_open(loss):
    facts = describe_loss(loss, outputs=OUTPUTS, targets=[LABELS], may_ask=True)
    assert facts.zero_output_loss is None


def test_a_function_of_the_scripts_own_is_not_called_where_training_goes_on():
    calls = []

    def loss(outputs, targets):
        calls.append(0)
        return outputs.mean() + 1

    facts = describe_loss(loss, outputs=OUTPUTS, targets=[LABELS])
    assert facts.zero_output_loss is None
    assert not calls
    known = describe_loss(nn.MultiMarginLoss(), outputs=OUTPUTS, targets=[LABELS])
    assert known.zero_output_loss == pytest.approx(0.9)


@pytest.mark.parametrize(
    "outputs", [None, torch.zeros(()), torch.zeros(32, dtype=torch.long), (OUTPUTS,)]
)
def test_without_outputs_in_one_tensor_nothing_is_measured(outputs):
    assert measure_zero_output(_focal, outputs=outputs, targets=[LABELS]) is None
    assert measure_zero_output(_focal, outputs=OUTPUTS, targets=[]) is None


def test_zeros_are_of_the_kind_of_the_outputs_and_as_long_as_the_targets():
    seen = []

    def loss(outputs, targets):
        assert outputs.dtype is torch.bfloat16
        seen.append((tuple(outputs.shape), len(targets)))
        return outputs.mean() + 1

    outputs, batches = OUTPUTS[:8].bfloat16(), [LABELS[:8], LABELS[:3]]
    assert measure_zero_output(loss, outputs=outputs, targets=batches) == 1.0
    assert seen == [((8, 10), 8), ((3, 10), 3)]


def test_at_most_64_minibatches_are_measured_from_all_over_the_data():
    seen = []

    def loss(outputs, targets):
        seen.append(targets)
        return targets.float().mean()

    whole = torch.arange(10_000)
    value = measure_zero_output(
        loss, outputs=torch.zeros(16, 2), targets=[whole], batch_size=16
    )
    assert len(seen) == MAX_MINIBATCHES
    assert {len(each) for each in seen} == {16}
    assert value == pytest.approx(5000, rel=0.1)
    seen.clear()
    batches = [LABELS] * 100
    measure_zero_output(loss, outputs=OUTPUTS, targets=batches)
    assert len(seen) == MAX_MINIBATCHES


class Center(nn.Module):
    """Learns a center from what it is called with."""

    center: torch.Tensor

    def __init__(self):
        super().__init__()
        self.register_buffer("center", torch.ones(10))

    def forward(self, outputs, targets):
        self.center *= 0.5
        targets += 1
        noise = torch.randn_like(outputs) * random.random()
        return (outputs - self.center + 0 * noise).square().mean()


def test_training_does_not_notice_that_the_loss_was_asked():
    loss, targets = Center(), LABELS.clone()
    torch.manual_seed(5)
    random.seed(5)
    before = torch.get_rng_state(), random.getstate()
    value = measure_zero_output(loss, outputs=OUTPUTS, targets=[targets])
    assert value == pytest.approx(0.25)
    assert loss.center.tolist() == [1.0] * 10
    assert torch.equal(targets, LABELS)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
