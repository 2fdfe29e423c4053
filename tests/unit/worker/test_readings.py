"""Measured values before the sender thread has them."""

import pytest
import torch

from tuitrain.worker.readings import PartsReading, Reading, combined, read_at_hand


@pytest.mark.parametrize("type_", [torch.float32, torch.bfloat16, torch.int64])
def test_what_lies_in_memory_is_read_where_it_is_measured(type_):
    weight = torch.tensor(2, dtype=type_)
    number = read_at_hand(weight)
    assert type(number) is float
    weight += 1
    assert number == 2.0


def test_what_reading_would_wait_for_or_fail_at_stays_a_tensor():
    there = torch.empty((), device="meta")
    for tensor in (there, torch.ones(2), torch.ones((), dtype=torch.complex64)):
        assert read_at_hand(tensor) is tensor
    parts = combined(3, ("a",), [there, there], list)
    assert isinstance(parts, PartsReading)


def test_parts_at_hand_are_combined_at_once_unless_the_update_was_skipped():
    parts = [torch.tensor(3.0), torch.tensor(4.0)]
    assert combined(7, ("a",), parts, lambda two: [sum(two)]) == Reading(7, {"a": 7.0})
    assert combined(7, ("a",), parts, list, torch.tensor(1.0)) is None
