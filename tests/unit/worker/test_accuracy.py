"""Accuracy, worked out from shapes and the kind of the loss, or left out."""

import pytest
import torch

from tuitrain.worker.accuracy import count_correct


def share(*arguments, **named) -> float | None:
    counted = count_correct(*arguments, **named)
    return None if counted is None else counted.share.item()


def test_classes_are_compared_along_the_second_dimension():
    scores = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 2.0]])
    assert share(scores, torch.tensor([1, 1, 1])) == pytest.approx(2 / 3)
    maps = torch.zeros(2, 3, 4, 4)
    maps[:, 2] = 1
    assert share(maps, torch.full((2, 4, 4), 2)) == 1.0


def test_classes_may_be_the_last_dimension():
    tokens = torch.zeros(2, 5, 7)
    tokens[..., 3] = 1
    assert share(tokens, torch.full((2, 5), 3)) == 1.0


def test_ignored_targets_do_not_count():
    scores = torch.tensor([[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    assert share(scores, torch.tensor([1, 0, -100])) == 0.5
    assert share(scores, torch.tensor([1, 0, 9]), ignore_index=9) == 0.5


def test_binary_outputs_are_compared_with_their_threshold():
    targets = torch.tensor([1.0, 0.0, 1.0, 0.0])
    logits = torch.tensor([0.2, 0.2, 0.2, -0.2])
    assert share(logits, targets, kind="bce_with_logits") == 0.75
    assert share(logits, targets, kind="bce") == 0.5


def test_probabilities_as_targets_are_compared_by_their_largest():
    outputs = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    targets = torch.tensor([[0.1, 0.9], [0.2, 0.8]])
    assert share(outputs, targets, kind="cross_entropy") == 0.5


@pytest.mark.parametrize(
    ("outputs", "targets", "kind"),
    [
        (torch.zeros(4, 1), torch.zeros(4, 1), "mse"),
        (torch.zeros(4, 1), torch.zeros(4, dtype=torch.long), None),
        (torch.zeros(4, 3), torch.zeros(5, dtype=torch.long), "cross_entropy"),
        (torch.zeros(4, 2), torch.zeros(4), "bce"),
        ({"logits": torch.zeros(4, 3)}, torch.zeros(4, dtype=torch.long), None),
        (torch.zeros(4, 3), [0, 1, 2, 0], None),
    ],
)
def test_what_is_no_classification_has_no_accuracy(outputs, targets, kind):
    assert count_correct(outputs, targets, kind=kind) is None
