"""What the benchmark calls overfitting: a turn for the worse that noise can't explain."""

import math
import random

import msgspec
import pytest
import torch

from tests.benchmarks.diagnosis.behaviour import Behaviour, hits_by_class, score
from tests.benchmarks.diagnosis.building import resolve
from tests.benchmarks.diagnosis.harm import is_overfit, rose
from tests.benchmarks.diagnosis.overfitting import RECIPES, jobs
from tests.benchmarks.diagnosis.running import RunRecord
from tests.benchmarks.diagnosis.scoring import Judged, Named, detect
from tests.benchmarks.diagnosis.setup import Job
from tests.benchmarks.diagnosis.tasks import Split, load, names
from tests.benchmarks.diagnosis.turning import (
    all_of,
    count_answers,
    exceeds,
    find_turn,
)

JOB = Job(
    task="blobs", shape="mlp_relu", optimizer="sgd", lr=0.1, epochs=40, batch_size=64
)


def _record(scores, losses, *, train=(1.0, 0.5, 0.2, 0.1), goal="classes") -> RunRecord:
    return RunRecord(
        job=JOB,
        split="tuning",
        goal=goal,
        right=(),
        config={},
        epochs=len(scores),
        events=b"",
        behaviour=Behaviour(
            scores=list(scores),
            plain=0.0,
            logged=None,
            val_losses=list(losses),
            val_accuracies=[],
            train_losses=list(train),
            is_finite=True,
        ),
    )


def _turning(lost: float, *, bounce: float = 0.002, epochs: int = 40, seed: int = 0):
    """Scores that climb to 0.8 in a quarter of the epochs and then lose `lost`."""
    drawn, quarter = random.Random(seed), epochs // 4
    climb = [0.4 + 0.4 * index / quarter for index in range(quarter)]
    rest = epochs - quarter
    fall = [0.8 - lost * min(1.0, 1.5 * index / rest) for index in range(rest)]
    return [value + drawn.gauss(0, bounce) for value in climb + fall]


def _overfits(scores, *, answers: float, **others) -> bool | None:
    losses = [1.5 - score for score in scores]
    return is_overfit(_record(scores, losses, **others), list(scores), losses, answers)


def test_a_score_that_falls_back_together_with_the_loss_overfits():
    assert _overfits(_turning(0.1), answers=1000) is True
    assert _overfits(_turning(0.1), answers=1000, goal="regression") is True


def test_less_than_a_harm_is_none():
    assert _overfits(_turning(0.01), answers=100_000) is False


def test_curves_that_bounce_around_one_level_do_not_overfit():
    flat = [_turning(0.0, bounce=0.05, seed=seed) for seed in range(100)]
    labels = [_overfits(each, answers=1000) for each in flat]
    assert labels.count(True) == 0
    assert labels.count(None) <= 20
    # The best single epoch lies well above the end all the same.
    assert sum(max(each) - sum(each[-8:]) / 8 > 0.02 for each in flat) > 90


def test_a_fall_on_few_samples_is_nothing_anybody_can_tell():
    assert _overfits(_turning(0.04), answers=50) is None
    assert _overfits(_turning(0.04), answers=500) is True


def test_near_the_line_nobody_can_tell_from_either_side():
    for lost in (0.015, 0.025):
        assert _overfits(_turning(lost), answers=500) is None
        assert _overfits(_turning(lost), answers=50_000) is (lost > 0.02)


def test_asked_for_a_guess_each_run_is_on_one_side_of_the_line():
    for lost in (0.015, 0.025):
        scores = _turning(lost)
        losses = [1.5 - score for score in scores]
        record = _record(scores, losses)
        guess = is_overfit(record, scores, losses, 500, errors=0.0)
        assert guess is (lost > 0.02)


def test_what_fails_plainly_decides_where_something_else_can_not_be_told():
    assert all_of(None, False) is False
    assert all_of(None, True) is None
    assert all_of(True, True) is True
    assert exceeds(0.0, 0.0, 0.0) is False


def test_a_training_that_falls_apart_does_not_overfit():
    apart = (1.0, 0.2, 0.6, 1.2)
    assert _overfits(_turning(0.1), answers=1000, train=apart) is False


def test_a_score_that_holds_while_the_loss_rises_is_none():
    scores = _turning(0.0)
    losses = [1.5 - score for score in _turning(0.5)]
    record = _record(scores, losses)
    assert is_overfit(record, scores, losses, 1000) is False
    assert rose(record)


def test_a_loss_of_which_one_epoch_is_low_has_not_risen():
    losses = [1.0, 0.8, 0.3, *[0.7] * 20]
    assert not rose(_record([0.5] * 23, losses))


def test_answers_of_rare_classes_weigh_as_few():
    targets = torch.tensor([0.0] * 90 + [1.0] * 10)
    assert count_answers(targets, is_balanced=False) == 100
    assert count_answers(targets, is_balanced=True) == pytest.approx(36)


def test_hits_by_class_are_the_balanced_accuracy_however_minibatches_are_cut():
    data = load("seldom")
    outputs = torch.randn(
        len(data.val_y), 3, generator=torch.Generator().manual_seed(0)
    )
    metric = hits_by_class(data)
    parts = zip(outputs.split(7), data.val_y.split(7), strict=True)
    mean = sum(float(metric(*part)) * len(part[0]) for part in parts) / len(outputs)
    assert mean == pytest.approx(score(data, outputs, data.val_y, is_balanced=True))
    plain = score(data, outputs, data.val_y, is_balanced=False)
    assert abs(mean - plain) > 0.001


def test_a_curve_with_a_hole_turns_nowhere():
    assert find_turn([0.1, 0.2, math.nan, 0.3, 0.4, 0.5]) is None


def test_what_nobody_can_tell_counts_for_no_figure():
    def run(*kinds: str) -> Judged:
        return Judged(
            _record([0.5], [1.0]), None, tuple(Named(k, "high") for k in kinds)
        )

    found = detect(
        [
            (run("overfitting"), True),
            (run("overfitting"), None),
            (run("overfitting"), False),
            (run(), True),
            (run(), None),
        ],
        "overfitting",
    )
    assert (found.precision.hits, found.precision.of) == (1, 2)
    assert (found.recall.hits, found.recall.of) == (1, 2)


def test_the_runs_that_overfit_or_not_are_many_and_all_different():
    drawn = jobs(1)
    assert len({job.name for job in drawn}) == len(drawn) >= 150
    assert {job.task for job in drawn} == set(names())
    assert drawn == jobs(1)
    assert not {job.name for job in drawn} & {job.name for job in jobs(0)}
    assert len(RECIPES) == 8
    more = jobs(1, Split.MORE)
    assert {job.task for job in more} == set(names(Split.MORE))
    assert not {job.task for job in more} & set(names())


def test_samples_that_nobody_saw_are_neither_trained_nor_validated_on():
    traits = ("samples:100", "wrong_labels:0.5")
    few = msgspec.structs.replace(JOB, traits=traits)
    plain, setup = resolve(JOB), resolve(few)
    assert setup.unseen is not None
    x, y = setup.unseen
    assert len(setup.data.x) == 100
    assert len(x) == len(plain.data.x) - 100

    def rows(values: torch.Tensor) -> set[tuple[float, ...]]:
        return {tuple(row) for row in values.tolist()}

    assert not rows(x) & (rows(setup.data.x) | rows(setup.data.val_x))
    assert rows(x) | rows(setup.data.x) == rows(plain.data.x)
    truth = {
        tuple(row): int(label)
        for row, label in zip(plain.data.x.tolist(), plain.data.y.tolist(), strict=True)
    }
    assert all(
        truth[tuple(row)] == label
        for row, label in zip(x.tolist(), y.tolist(), strict=True)
    )
    wrong = sum(
        truth[tuple(row)] != label
        for row, label in zip(setup.data.x.tolist(), setup.data.y.tolist(), strict=True)
    )
    assert 20 <= wrong <= 60
